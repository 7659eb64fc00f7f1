// netlink/request.h: requests to the kernel's netfilter subsystems, and what it says to one.
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

// Its headers, written there; attributes can be put behind them. Requires room for them and that alignment.
nlmsghdr* begin_request(uint8_t* at, const Request& request);

Result<> send(Socket& socket, const nlmsghdr* request);

// Sends a request with NLM_F_ACK, and returns the errno that is acknowledged, 0 for none. ENOBUFS: what else
// came left no room for the acknowledgement; now it is read, and there is.
Result<int> ask(Socket& socket, const nlmsghdr* request);

// Sends a request with NLM_F_DUMP, and gives each message of the answer to `take`, whose error ends it.
// Returns the errno that the kernel ends the dump with, 0 for none; EPROTO where it did not end.
Result<int> dump(Socket& socket, const nlmsghdr* request,
                 const std::function<Result<>(const Message&)>& take);

}  // namespace ostiary::netlink
