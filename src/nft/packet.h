// nft/packet.h: reads the destination of an IP packet from the packet's first bytes. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "ostiary/inet/ip_address.h"

namespace ostiary::nft {

// Without options and extension headers.
inline constexpr size_t ipv4_header = 20;
inline constexpr size_t ipv6_header = 40;

struct PacketTarget {
  inet::IpAddress destination;
  uint8_t protocol = 0;          // of the payload, after IPv6 extension headers
  std::optional<uint16_t> port;  // TCP, UDP, UDP-Lite, SCTP, DCCP; if the bytes reach it
  std::optional<uint8_t> icmp_type;
  bool operator==(const PacketTarget&) const = default;
};

// Of a packet. Empty if it is of neither.
std::optional<inet::Family> family_of(std::span<const uint8_t> bytes);

// Empty if the bytes are not an IPv4 or IPv6 header. A later fragment has neither port nor type.
std::optional<PacketTarget> parse_packet(std::span<const uint8_t> bytes);

}  // namespace ostiary::nft
