#include "tcp_packet.h"

#include <algorithm>
#include <array>

#include <netinet/in.h>

#include "packet.h"

namespace ostiary::nft {
namespace {

constexpr size_t tcp_header = 20;
constexpr size_t word = 4;

uint16_t be16(std::span<const uint8_t> octets, size_t at) {
  return static_cast<uint16_t>(octets[at] << 8U | octets[at + 1]);
}

uint32_t be32(std::span<const uint8_t> octets, size_t at) {
  return uint32_t{be16(octets, at)} << 16U | be16(octets, at + 2);
}

inet::IpAddress ipv4_at(std::span<const uint8_t> octets, size_t at) {
  std::array<uint8_t, 4> address{};
  std::ranges::copy(octets.subspan(at, address.size()), address.begin());
  return inet::IpAddress::v4(address);
}

inet::IpAddress ipv6_at(std::span<const uint8_t> octets, size_t at) {
  std::array<uint8_t, 16> address{};
  std::ranges::copy(octets.subspan(at, address.size()), address.begin());
  return inet::IpAddress::v6(address);
}

bool read_tcp(TcpPacket& packet, std::span<const uint8_t> octets) {
  if (octets.size() < tcp_header) return false;
  const size_t header = (octets[12] >> 4U) * word;
  if (header < tcp_header || header > octets.size()) return false;
  packet.source_port = be16(octets, 0);
  packet.destination_port = be16(octets, 2);
  packet.sequence = be32(octets, 4);
  packet.acknowledged = be32(octets, 8);
  packet.flags = octets[13];
  packet.data = octets.subspan(header);
  return true;
}

std::optional<TcpPacket> parse_v4(std::span<const uint8_t> octets) {
  if (octets.size() < ipv4_header) return std::nullopt;
  const size_t header = (octets[0] & 0x0fU) * word;
  const size_t length = be16(octets, 2);
  const bool is_fragment = (be16(octets, 6) & 0x3fffU) != 0;  // more fragments, or an offset
  if (header < ipv4_header || length < header || length > octets.size() || is_fragment ||
      octets[9] != IPPROTO_TCP)
    return std::nullopt;
  TcpPacket packet{.source = ipv4_at(octets, 12), .destination = ipv4_at(octets, 16)};
  if (!read_tcp(packet, octets.first(length).subspan(header))) return std::nullopt;
  return packet;
}

std::optional<TcpPacket> parse_v6(std::span<const uint8_t> octets) {
  if (octets.size() < ipv6_header) return std::nullopt;
  const size_t length = ipv6_header + be16(octets, 4);
  if (length > octets.size() || octets[6] != IPPROTO_TCP) return std::nullopt;
  TcpPacket packet{.source = ipv6_at(octets, 8), .destination = ipv6_at(octets, 24)};
  if (!read_tcp(packet, octets.first(length).subspan(ipv6_header))) return std::nullopt;
  return packet;
}

}  // namespace

std::optional<TcpPacket> parse_tcp_packet(std::span<const uint8_t> octets) {
  const auto family = family_of(octets);
  if (!family) return std::nullopt;
  return family == inet::Family::ipv4 ? parse_v4(octets) : parse_v6(octets);
}

}  // namespace ostiary::nft
