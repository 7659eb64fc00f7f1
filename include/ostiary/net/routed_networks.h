// net/routed_networks.h: the networks that IPv4 routes lead to, by interface, in this network
// namespace.
#pragma once

#include <cstdint>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/inet/routed_network.h"
#include "ostiary/netlink/socket.h"

namespace ostiary::net {

// The networks of every routing table, sorted. Networks inside another one of the same interface
// are left out.
Result<std::vector<inet::RoutedNetwork>> read_routed_networks();

// The second step of read_routed_networks(). Pure.
std::vector<inet::RoutedNetwork> without_inner(std::vector<inet::RoutedNetwork> networks);

enum class Routes : uint8_t { as_they_were, changed };

// Notices changes of IPv4 routes from open() on.
class RouteWatch {
 public:
  static Result<RouteWatch> open();
  int fd() const { return socket_.fd(); }
  // Whether routes changed since the last call. Does not wait.
  Result<Routes> read();

 private:
  explicit RouteWatch(netlink::Socket socket) : socket_(std::move(socket)) {}
  netlink::Socket socket_;
};

}  // namespace ostiary::net
