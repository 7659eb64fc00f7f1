// nft/packet.h: reads where an IP packet was to go, from its first bytes. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "ostiary/inet/ip_address.h"

namespace ostiary::nft {

struct PacketTarget {
  inet::IpAddress destination;
  uint8_t protocol = 0;          // of the payload, behind IPv6 extension headers
  std::optional<uint16_t> port;  // TCP, UDP, UDP-Lite, SCTP and DCCP, where the bytes reach that far
  std::optional<uint8_t> icmp_type;
  bool operator==(const PacketTarget&) const = default;
};

// Nothing where the bytes are no IPv4 or IPv6 header. A later fragment has neither port nor type.
std::optional<PacketTarget> parse_packet(std::span<const uint8_t> bytes);

}  // namespace ostiary::nft
