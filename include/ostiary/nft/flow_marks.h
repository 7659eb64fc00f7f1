// nft/flow_marks.h: the mark of one TCP flow, in the kernel's table of connections.
// - A flow is named as the socket that began it names its connection.
#pragma once

#include <cstdint>
#include <optional>

#include "ostiary/base/result.h"
#include "ostiary/inet/connection.h"
#include "ostiary/netlink/socket.h"

namespace ostiary::nft {

class FlowMarks {
 public:
  static Result<FlowMarks> open();

  // Empty if there is no such flow.
  Result<std::optional<uint32_t>> read(const inet::Connection& connection);
  // False if there is no such flow.
  Result<bool> write(const inet::Connection& connection, uint32_t mark);
  // The kernel forgets the flow.
  Result<> remove(const inet::Connection& connection);

 private:
  explicit FlowMarks(netlink::Socket socket) : socket_(std::move(socket)) {}

  netlink::Socket socket_;
};

}  // namespace ostiary::nft
