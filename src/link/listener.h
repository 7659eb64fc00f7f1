// link/listener.h: a socket on loopback at which a helper serves the agent.
#pragma once

#include <cstdint>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/inet/ip_address.h"

namespace ostiary::link {

struct Listener {
  inet::Family family{};
  uint16_t port = 0;
  int type = 0;  // SOCK_STREAM or SOCK_DGRAM
};

// Invalid if this network has no IPv6. The error names the address and port that another process holds.
Result<UniqueFd> open_listener(const Listener& listener);

}  // namespace ostiary::link
