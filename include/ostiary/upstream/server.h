// upstream/server.h: a DNS server that the gate puts its questions to.
// The zone is the interface of a link-local address; such an address always has one, and no other has.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"
#include "ostiary/inet/ip_address.h"

namespace ostiary::upstream {

inline constexpr uint16_t dns_port = 53;

struct Server {
  inet::IpAddress address;
  uint16_t port = dns_port;
  std::string zone;

  bool operator==(const Server&) const = default;
};

// "192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]:5353", "fe80::53%eth0". The error says
// what is wrong with the text; the caller adds where it stands.
Result<Server> parse_server(std::string_view text);

// What parse_server() reads, always with its port: "[2001:db8::53]:53".
std::string text(const Server& server);

}  // namespace ostiary::upstream
