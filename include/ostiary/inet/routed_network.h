// inet/routed_network.h: a network that a route reaches through an interface.
#pragma once

#include <compare>
#include <cstdint>

#include "ostiary/inet/prefix.h"

namespace ostiary::inet {

struct RoutedNetwork {
  uint32_t interface = 0;  // the kernel's index
  Prefix network;
  auto operator<=>(const RoutedNetwork&) const = default;
};

}  // namespace ostiary::inet
