// upstream/server.h: an upstream DNS server of the gate.
// A link-local address always has a zone, which is the name of an interface. Other addresses never
// have one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"
#include "ostiary/inet/dns_port.h"
#include "ostiary/inet/ip_address.h"

namespace ostiary::upstream {

struct Server {
  inet::IpAddress address;
  uint16_t port = inet::dns_port;
  std::string zone;

  bool operator==(const Server&) const = default;
};

// Reads "192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]:5353" or "fe80::53%eth0".
// The error says what is wrong with the text. The caller adds the place.
Result<Server> parse_server(std::string_view text);

// The form that parse_server() reads, always with the port: "[2001:db8::53]:53".
std::string text(const Server& server);

}  // namespace ostiary::upstream
