// net/routes.h: where packets can go, by the routes, addresses and interfaces of this network
// namespace.
#pragma once

#include <cstdint>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/inet/routed_network.h"
#include "ostiary/netlink/socket.h"

namespace ostiary::net {

enum class Reach : uint8_t {
  none,    // loopback and link-local at most
  local,   // some networks, but not the Internet
  global,  // a default route or one to global addresses, and an address to send from
};

// How far packets of each family can go.
struct Reachable {
  Reach ipv4 = Reach::none;
  Reach ipv6 = Reach::none;
  bool operator==(const Reachable&) const = default;
};

struct RoutingTable {
  Reachable reach = {};
  // The networks that the IPv4 routes of every table lead to, by interface, sorted. Networks inside
  // another one of the same interface are left out.
  std::vector<inet::RoutedNetwork> networks = {};
};

Result<RoutingTable> read_routes();
// The networks alone.
Result<std::vector<inet::RoutedNetwork>> read_routed_networks();

// The last step of both. Pure.
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

// In a new network namespace `lo` is down, so that 127.0.0.1 and ::1 cannot be reached. It is not
// an error if it is up already.
Result<> bring_loopback_up();

}  // namespace ostiary::net
