// gate/client.h: the destination of an answer.
#pragma once

#include <cstdint>

#include <netinet/in.h>

#include "ostiary/dns/answer.h"

namespace ostiary::gate {

struct Client {
  dns::Transport transport{};
  uint32_t socket = 0;      // the number of the socket (UDP) or of the connection (TCP)
  uint32_t generation = 0;  // of the connection: the number may be in use by a later one
  sockaddr_in6 address{};   // UDP; holds an address of either family
  socklen_t address_size = 0;
};

}  // namespace ostiary::gate
