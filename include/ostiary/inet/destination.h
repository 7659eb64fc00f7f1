// inet/destination.h: a destination: a host, by name or address, and a port.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "ostiary/inet/host_name.h"
#include "ostiary/inet/ip_address.h"

namespace ostiary::inet {

using Host = std::variant<HostName, IpAddress>;

// Reads "example.com", "192.0.2.1" or "2001:db8::1". An IPv6 address has no brackets.
Result<Host> parse_host(std::string_view text);
std::string text(const Host& host);

// A decimal port, 1 to 65535.
Result<uint16_t> parse_port(std::string_view text);

struct Destination {
  Host host;
  uint16_t port;
  auto operator<=>(const Destination&) const = default;
};

// "example.com:443", "[2001:db8::1]:443"
std::string text(const Destination& destination);

}  // namespace ostiary::inet
