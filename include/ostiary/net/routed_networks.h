// net/routed_networks.h: the networks that this network namespace's routes of IPv4 lead to, by interface.
#pragma once

#include <cstdint>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/inet/prefix.h"

namespace ostiary::net {

struct RoutedNetwork {
  uint32_t interface = 0;  // the kernel's index
  inet::Prefix network;
  auto operator<=>(const RoutedNetwork&) const = default;
};

// Of every routing table, in order; without networks that lie in another one of the same interface.
Result<std::vector<RoutedNetwork>> read_routed_networks();

// Pure: the second half of the above.
std::vector<RoutedNetwork> without_inner(std::vector<RoutedNetwork> networks);

enum class Routes : uint8_t { as_they_were, changed };

// Notices changes of IPv4 routes from open() on.
class RouteWatch {
 public:
  static Result<RouteWatch> open();
  int fd() const { return socket_.get(); }
  // Since the last call. Does not wait.
  Routes read();

 private:
  explicit RouteWatch(UniqueFd socket) : socket_(std::move(socket)) {}
  UniqueFd socket_;
};

}  // namespace ostiary::net
