// inet/destination.h: a destination: a host, by name or address, and a port.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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
// The port of a service that people write by its name, such as "https".
std::optional<uint16_t> port_of_service(std::string_view name);

struct Destination {
  Host host;
  uint16_t port;
  auto operator<=>(const Destination&) const = default;
};

// "example.com:443", "[2001:db8::1]:443"
std::string text(const Destination& destination);

}  // namespace ostiary::inet
