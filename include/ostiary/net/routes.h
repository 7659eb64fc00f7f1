// net/routes.h: how far a packet of each family gets, judged by this network namespace's routes and
// addresses.
#pragma once

#include <cstdint>

#include "ostiary/base/result.h"

namespace ostiary::net {

enum class Reach : uint8_t {
  none,    // loopback and link-local at most
  local,   // some networks, but no way to the rest of the world
  global,  // a default route, or one to global addresses, and an address to use it from
};

struct Reachable {
  Reach ipv4 = Reach::none;
  Reach ipv6 = Reach::none;
  bool operator==(const Reachable&) const = default;
};

Result<Reachable> read_reach();

}  // namespace ostiary::net
