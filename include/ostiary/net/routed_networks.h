// net/routed_networks.h: the networks that this network namespace's routes of IPv4 lead to, by interface.
#pragma once

#include <cstdint>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/inet/routed_network.h"
#include "ostiary/netlink/socket.h"

namespace ostiary::net {

// Of every routing table, in order; without networks that lie in another one of the same interface.
Result<std::vector<inet::RoutedNetwork>> read_routed_networks();

// Pure: the second half of the above.
std::vector<inet::RoutedNetwork> without_inner(std::vector<inet::RoutedNetwork> networks);

enum class Routes : uint8_t { as_they_were, changed };

// Notices changes of IPv4 routes from open() on.
class RouteWatch {
 public:
  static Result<RouteWatch> open();
  int fd() const { return socket_.fd(); }
  // Since the last call. Does not wait.
  Result<Routes> read();

 private:
  explicit RouteWatch(netlink::Socket socket) : socket_(std::move(socket)) {}
  netlink::Socket socket_;
};

}  // namespace ostiary::net
