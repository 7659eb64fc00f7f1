// nft/tcp_packet.h: reads a whole TCP packet. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "ostiary/inet/ip_address.h"

namespace ostiary::nft {

struct TcpPacket {
  inet::IpAddress source;
  inet::IpAddress destination;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint32_t sequence = 0;
  uint32_t acknowledged = 0;
  uint8_t flags = 0;
  std::span<const uint8_t> data = {};
};

// Empty if it is not one, is a fragment, has an IPv6 extension header, or if a length does not fit.
std::optional<TcpPacket> parse_tcp_packet(std::span<const uint8_t> octets);

}  // namespace ostiary::nft
