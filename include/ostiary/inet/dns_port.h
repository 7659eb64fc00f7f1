// inet/dns_port.h: the port at which DNS servers listen.
#pragma once

#include <cstdint>

namespace ostiary::inet {

inline constexpr uint16_t dns_port = 53;

}  // namespace ostiary::inet
