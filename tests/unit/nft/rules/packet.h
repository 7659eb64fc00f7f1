// nft/rules/packet.h: an IP packet as a value: written to octets, read from octets, and shown as
// text.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ostiary/inet/ip_address.h"

namespace ostiary::test::rules {

struct Endpoint {
  Endpoint(const char* text, uint16_t of_port = 0) : address(*inet::IpAddress::parse(text)), port(of_port) {}
  Endpoint(const inet::IpAddress& of_address, uint16_t of_port) : address(of_address), port(of_port) {}
  bool operator==(const Endpoint&) const = default;

  inet::IpAddress address;
  uint16_t port;
};

enum class Extra : uint8_t {
  none,
  ip_options,      // record route, which the kernel's answers repeat
  routing_header,  // of IPv6
  wrong_length,    // of UDP; connection tracking calls it invalid
};

namespace flag {
inline constexpr uint8_t fin = 1, syn = 2, rst = 4, push = 8, ack = 16, urgent = 32;
}

struct Packet {
  bool operator==(const Packet&) const = default;

  Endpoint from;
  Endpoint to;
  uint8_t protocol = 0;
  uint8_t flags = 0;           // of TCP
  uint8_t header_words = 5;    // of TCP; what is above 5 are options that say nothing
  uint8_t type = 0, code = 0;  // of ICMP
  uint8_t hop_limit = 64;
  uint16_t id = 1;  // of IPv4
  Extra extra = Extra::none;
  std::vector<uint8_t> payload = {};
  uint32_t sequence = 1, acknowledgement = 1;
  uint16_t window = 65535;
};

Packet tcp(const Endpoint& from, const Endpoint& to, uint8_t flags = flag::syn);
Packet udp(const Endpoint& from, const Endpoint& to);
Packet icmp(const Endpoint& from, const Endpoint& to, uint8_t type);
Packet echo_request(const Endpoint& from, const Endpoint& to);
// For experiments. Here it has ports in the same place as UDP.
inline constexpr uint8_t unknown_protocol = 253;
Packet of_protocol(uint8_t protocol, const Endpoint& from, const Endpoint& to);
// The error of the destination host if nothing listens at the port.
Packet port_unreachable(const Packet& packet);

// A further packet with the same addresses and ports, in the same and in the opposite direction.
Packet again(const Packet& packet, uint8_t flags = 0);
Packet answer(const Packet& packet, uint8_t flags = 0);

Packet with(Packet packet, Extra extra);
Packet with_data(Packet packet, size_t octets);
// The last octets of the data make the ICMP checksum have this value.
Packet with_checksum(Packet packet, uint16_t checksum);
Packet with_header_words(Packet packet, uint8_t words);
Packet with_hop_limit(Packet packet, uint8_t hop_limit);

std::vector<uint8_t> octets(const Packet& packet);
// Nothing if it is not an IP packet. Skips options and extension headers, except the routing
// header.
std::optional<Packet> read_packet(std::span<const uint8_t> octets);
std::string text(const Packet& packet);

// Whether both have the same protocol, addresses and ports.
bool same(const Packet& one, const Packet& other);
// Whether it is an RST for a TCP packet, or an administrative prohibition for another packet.
bool refuses(const Packet& refusal, const Packet& packet);

}  // namespace ostiary::test::rules
