// net/routes.h: how far packets of each family can go, by this network namespace's routes,
// addresses and interfaces.
#pragma once

#include <cstdint>

#include "ostiary/base/result.h"

namespace ostiary::net {

enum class Reach : uint8_t {
  none,    // loopback and link-local at most
  local,   // some networks, but not the Internet
  global,  // a default route or one to global addresses, and an address to send from
};

struct Reachable {
  Reach ipv4 = Reach::none;
  Reach ipv6 = Reach::none;
  bool operator==(const Reachable&) const = default;
};

Result<Reachable> read_reach();

// In a new network namespace `lo` is down, so that 127.0.0.1 and ::1 cannot be reached. It is not
// an error if it is up already.
Result<> bring_loopback_up();

}  // namespace ostiary::net
