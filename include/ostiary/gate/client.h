// gate/client.h: whom an answer goes to.
#pragma once

#include <cstdint>

#include <netinet/in.h>

#include "ostiary/dns/answer.h"

namespace ostiary::gate {

struct Client {
  dns::Transport transport{};
  uint32_t socket = 0;      // which listener (UDP), which connection (TCP)
  uint32_t generation = 0;  // of the connection: another one may have taken its place
  sockaddr_in6 address{};   // UDP: room for either family
  socklen_t address_size = 0;
};

}  // namespace ostiary::gate
