// inet/connection.h: a TCP connection, as the socket at one of its ends names it.
#pragma once

#include <cstdint>

#include "ostiary/inet/ip_address.h"

namespace ostiary::inet {

struct Connection {
  IpAddress local;
  IpAddress remote;
  uint16_t local_port = 0;
  uint16_t remote_port = 0;

  bool operator==(const Connection&) const = default;
};

}  // namespace ostiary::inet
