// netlink/request.h: sends requests to the kernel's netfilter subsystems and reads the replies.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include <libmnl/libmnl.h>

#include "ostiary/base/result.h"
#include "ostiary/netlink/message.h"
#include "ostiary/netlink/socket.h"

namespace ostiary::netlink {

struct Request {
  uint16_t type = 0;   // with the subsystem: NFNL_SUBSYS_… << 8 | …
  uint16_t flags = 0;  // besides NLM_F_REQUEST
  uint32_t sequence = 0;
  uint8_t family = 0;
  uint16_t resource = 0;
};

// Writes the headers of a request to `at`. The caller can append attributes. Requires enough memory
// at `at`, aligned for nlmsghdr.
nlmsghdr* begin_request(uint8_t* at, const Request& request);

Result<> send(Socket& socket, const nlmsghdr* request);

// Sends a request with NLM_F_ACK and returns the errno of the acknowledgement, 0 for success.
// ENOBUFS: other messages filled the receive buffer, and the acknowledgement was lost. The buffer
// is empty now, so the caller can retry.
Result<int> ask(Socket& socket, const nlmsghdr* request);

// Sends a request with NLM_F_DUMP and passes each message of the reply to `take`. An error of
// `take` ends the dump. Returns the errno with which the kernel ends the dump, 0 for success, or
// EPROTO if the dump did not end.
Result<int> dump(Socket& socket, const nlmsghdr* request,
                 const std::function<Result<>(const Message&)>& take);

}  // namespace ostiary::netlink
