#include "packet.h"

#include <algorithm>
#include <array>

#include <netinet/in.h>

namespace ostiary::nft {
namespace {

constexpr int extension_headers = 8;

// Not in every libc's <netinet/in.h>.
constexpr uint8_t udp_lite = 136;

std::optional<uint16_t> be16(std::span<const uint8_t> bytes, size_t at) {
  if (bytes.size() < at + 2) return std::nullopt;
  return static_cast<uint16_t>(bytes[at] << 8U | bytes[at + 1]);
}

void read_transport(PacketTarget& target, std::span<const uint8_t> bytes) {
  switch (target.protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
    case IPPROTO_DCCP:
    case udp_lite:
      target.port = be16(bytes, 2);
      return;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      if (!bytes.empty()) target.icmp_type = bytes[0];
      return;
    default:
      return;
  }
}

std::optional<PacketTarget> parse_v4(std::span<const uint8_t> bytes) {
  const size_t header = (bytes[0] & 0x0fU) * size_t{4};
  if (bytes.size() < ipv4_header || header < ipv4_header) return std::nullopt;
  PacketTarget target{inet::IpAddress::v4({bytes[16], bytes[17], bytes[18], bytes[19]}), bytes[9], {}, {}};
  const bool first_fragment = (*be16(bytes, 6) & 0x1fffU) == 0;
  if (first_fragment && bytes.size() > header) read_transport(target, bytes.subspan(header));
  return target;
}

enum class Walk : uint8_t { transport, extension, stop };

// Skips one extension header. `bytes` then begins with the header that `target.protocol` names.
Walk step(PacketTarget& target, std::span<const uint8_t>& bytes) {
  size_t size = 0;
  switch (target.protocol) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
      if (bytes.size() >= 2) size = (bytes[1] + size_t{1}) * 8;
      break;
    case IPPROTO_AH:
      if (bytes.size() >= 2) size = (bytes[1] + size_t{2}) * 4;
      break;
    case IPPROTO_FRAGMENT:
      if (bytes.size() >= 4) size = 8;
      break;
    default:
      return Walk::transport;
  }
  if (size == 0) return Walk::stop;
  const bool later_fragment = target.protocol == IPPROTO_FRAGMENT && (*be16(bytes, 2) & 0xfff8U) != 0;
  target.protocol = bytes[0];
  if (later_fragment || bytes.size() < size) return Walk::stop;
  bytes = bytes.subspan(size);
  return Walk::extension;
}

std::optional<PacketTarget> parse_v6(std::span<const uint8_t> bytes) {
  if (bytes.size() < ipv6_header) return std::nullopt;
  std::array<uint8_t, 16> octets{};
  std::ranges::copy(bytes.subspan(24, 16), octets.begin());
  PacketTarget target{inet::IpAddress::v6(octets), bytes[6], {}, {}};
  bytes = bytes.subspan(ipv6_header);
  for (int i = 0; i < extension_headers; ++i) {
    const Walk walk = step(target, bytes);
    if (walk == Walk::transport) read_transport(target, bytes);
    if (walk != Walk::extension) break;
  }
  return target;
}

}  // namespace

std::optional<inet::Family> family_of(std::span<const uint8_t> bytes) {
  if (bytes.empty()) return std::nullopt;
  switch (bytes[0] >> 4U) {
    case 4:
      return inet::Family::ipv4;
    case 6:
      return inet::Family::ipv6;
    default:
      return std::nullopt;
  }
}

std::optional<PacketTarget> parse_packet(std::span<const uint8_t> bytes) {
  const auto family = family_of(bytes);
  if (!family) return std::nullopt;
  return family == inet::Family::ipv4 ? parse_v4(bytes) : parse_v6(bytes);
}

}  // namespace ostiary::nft
