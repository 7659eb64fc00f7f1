#include "observation.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>

#include <netinet/in.h>

#include "shared.h"

namespace ostiary::hunt {
namespace {

constexpr uint8_t routing = 43, fragment = 44;

uint16_t number_at(std::span<const uint8_t> data, size_t at) {
  return at + 2 <= data.size() ? static_cast<uint16_t>(data[at] << 8U | data[at + 1]) : uint16_t{0};
}

Address v4_at(std::span<const uint8_t> packet, size_t at) {
  Address out{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  std::copy_n(packet.begin() + static_cast<ptrdiff_t>(at), 4, out.begin() + 12);
  return out;
}

// The seed is the first label of a question's name, as sixteen digits.
std::optional<uint64_t> seed_in_name(std::span<const uint8_t> packet) {
  constexpr std::string_view behind("\4hunt\7example", 13);
  constexpr size_t digits = 16;
  const void* const found = ::memmem(packet.data(), packet.size(), behind.data(), behind.size());
  if (found == nullptr) return std::nullopt;
  const size_t end = static_cast<size_t>(static_cast<const uint8_t*>(found) - packet.data());
  uint64_t seed = 0;
  if (end < digits) return std::nullopt;
  const char* const first = reinterpret_cast<const char*>(packet.data()) + end - digits;
  const auto read = std::from_chars(first, first + digits, seed, 16);
  return read.ptr == first + digits ? std::optional(seed) : std::nullopt;
}

std::optional<uint64_t> seed_in_text(std::string_view octets) {
  constexpr size_t digits = 16;
  const size_t found = octets.find(seed_marker);
  if (found == octets.npos) return std::nullopt;
  const std::string_view text = octets.substr(found + seed_marker.size(), digits);
  uint64_t seed = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), seed, 16);
  return text.size() == digits && read.ptr == text.data() + digits ? std::optional(seed) : std::nullopt;
}

}  // namespace

std::optional<uint64_t> seed_in(std::span<const uint8_t> packet) {
  const void* const found = ::memmem(packet.data(), packet.size(), &payload_magic, sizeof payload_magic);
  if (found == nullptr) {
    const auto seed = seed_in_name(packet);
    return seed ? seed : seed_in_text({reinterpret_cast<const char*>(packet.data()), packet.size()});
  }
  const size_t at =
      static_cast<size_t>(static_cast<const uint8_t*>(found) - packet.data()) + sizeof payload_magic;
  uint64_t seed = 0;
  if (at + sizeof seed > packet.size()) return seed;
  std::memcpy(&seed, packet.data() + at, sizeof seed);
  return seed;
}

namespace {

void observe_transport(Observation& out, std::span<const uint8_t> body) {
  if (out.later_fragment) return;
  switch (out.protocol) {
    case IPPROTO_TCP:
      out.tcp_flags = body.size() > 13 ? body[13] : uint8_t{0};
      out.tcp_without_data = body.size() > 13 && body.size() <= (body[12] >> 4U) * size_t{4};
      out.sequence = static_cast<uint32_t>(number_at(body, 4)) << 16U | number_at(body, 6);
      if (body.size() > 13 && !out.tcp_without_data) out.data = body.subspan((body[12] >> 4U) * size_t{4});
      [[fallthrough]];
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_SCTP:
    case IPPROTO_DCCP:
      out.source_port = number_at(body, 0);
      out.port = number_at(body, 2);
      break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      out.icmp_type = body.empty() ? uint8_t{0} : body[0];
      break;
    default:
      break;
  }
}

std::optional<Observation> observe_v4(std::span<const uint8_t> packet) {
  const size_t header = static_cast<size_t>(packet[0] & 15U) * 4;
  if (packet.size() < 20 || header < 20 || packet.size() < header) return std::nullopt;
  Observation out;
  out.source = v4_at(packet, 12);
  out.destination = v4_at(packet, 16);
  out.protocol = packet[9];
  out.hop_limit = packet[8];
  out.later_fragment = (number_at(packet, 6) & 0x1fffU) != 0;
  for (size_t at = 20; at + 1 < header && packet[at] != 0;
       at += packet[at] == 1 ? 1 : std::max<size_t>(2, packet[at + 1]))
    if (packet[at] == 131 || packet[at] == 137) out.source_route = true;
  observe_transport(out, packet.subspan(header));
  return out;
}

std::optional<Observation> observe_v6(std::span<const uint8_t> packet) {
  if (packet.size() < 40) return std::nullopt;
  Observation out;
  out.version = Observation::Version::v6;
  std::copy_n(packet.begin() + 8, 16, out.source.begin());
  std::copy_n(packet.begin() + 24, 16, out.destination.begin());
  out.protocol = packet[6];
  out.hop_limit = packet[7];
  size_t at = 40;
  while ((out.protocol == 0 || out.protocol == routing || out.protocol == fragment || out.protocol == 60) &&
         at + 8 <= packet.size()) {
    if (out.protocol == routing) out.routing_header = true;
    if (out.protocol == fragment && number_at(packet, at + 2) >> 3U != 0) out.later_fragment = true;
    const size_t size = out.protocol == fragment ? 8 : 8 * (size_t{packet[at + 1]} + 1);
    out.protocol = packet[at];
    at += size;
    if (out.later_fragment) break;
  }
  if (at <= packet.size()) observe_transport(out, packet.subspan(at));
  return out;
}

}  // namespace

std::optional<Observation> observe(std::span<const uint8_t> packet) {
  if (packet.empty()) return std::nullopt;
  std::optional<Observation> out;
  if (packet[0] >> 4U == 4) out = observe_v4(packet);
  if (packet[0] >> 4U == 6) out = observe_v6(packet);
  if (out) out->seed = seed_in(packet);
  return out;
}

}  // namespace ostiary::hunt
