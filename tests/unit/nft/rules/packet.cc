#include "nft/rules/packet.h"

#include <algorithm>
#include <utility>

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

namespace ostiary::test::rules {
namespace {

using inet::Family;
using inet::IpAddress;
using Octets = std::vector<uint8_t>;

constexpr size_t header4 = 20;
constexpr size_t header6 = 40;
constexpr size_t routing_header = 24;  // with one address

void put16(Octets& out, size_t value) {
  out.push_back(static_cast<uint8_t>(value >> 8U));
  out.push_back(static_cast<uint8_t>(value));
}
void put32(Octets& out, uint32_t value) {
  put16(out, value >> 16U);
  put16(out, value & 0xffffU);
}
void put(Octets& out, std::span<const uint8_t> more) {
  out.insert(out.end(), more.begin(), more.end());
}
uint16_t get16(std::span<const uint8_t> in, size_t at) {
  return static_cast<uint16_t>(in[at] << 8U | in[at + 1]);
}
uint32_t get32(std::span<const uint8_t> in, size_t at) {
  return static_cast<uint32_t>(get16(in, at)) << 16U | get16(in, at + 2);
}

bool is_icmp(const Packet& packet) {
  return packet.protocol == IPPROTO_ICMP || packet.protocol == IPPROTO_ICMPV6;
}

uint16_t checksum(const Octets& of) {
  uint32_t sum = 0;
  for (size_t at = 0; at < of.size(); ++at) sum += at % 2 == 0 ? uint32_t{of[at]} << 8U : of[at];
  while (sum >> 16U != 0) sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<uint16_t>(~sum);
}

Octets pseudo_header(const Packet& packet, size_t size) {
  Octets out;
  put(out, packet.from.address.octets());
  put(out, packet.to.address.octets());
  put32(out, static_cast<uint32_t>(size));
  put32(out, packet.protocol);
  return out;
}

size_t checksum_at(uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_TCP:
      return 16;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return 2;
    default:
      return 6;
  }
}

constexpr unsigned header_words_without_options = 5;
constexpr uint8_t no_operation = 1;  // an option of TCP

Octets transport(const Packet& packet) {
  Octets out;
  if (is_icmp(packet)) {
    put(out, Octets{packet.type, packet.code, 0, 0});
    put16(out, packet.from.port);  // of an echo: its identifier
    put16(out, 0);
  } else if (packet.protocol == IPPROTO_TCP) {
    put16(out, packet.from.port);
    put16(out, packet.to.port);
    put32(out, packet.sequence);
    put32(out, packet.acknowledgement);
    put(out, Octets{static_cast<uint8_t>(packet.header_words << 4U), packet.flags});
    put16(out, packet.window);
    put32(out, 0);
    put(out, Octets((packet.header_words - header_words_without_options) * 4U, no_operation));
  } else if (packet.protocol == IPPROTO_GRE || packet.protocol == IPPROTO_IGMP) {
    put(out, Octets(8));
    return out;
  } else {
    put16(out, packet.from.port);
    put16(out, packet.to.port);
    put16(out, packet.extra == Extra::wrong_length ? 4 : 8 + packet.payload.size());
    put16(out, 0);
  }
  put(out, packet.payload);
  Octets summed = packet.protocol == IPPROTO_ICMP ? Octets() : pseudo_header(packet, out.size());
  put(summed, out);
  const uint16_t sum = checksum(summed);
  out[checksum_at(packet.protocol)] = static_cast<uint8_t>(sum >> 8U);
  out[checksum_at(packet.protocol) + 1] = static_cast<uint8_t>(sum);
  return out;
}

Octets octets4(const Packet& packet, const Octets& behind) {
  Octets options;
  if (packet.extra == Extra::ip_options) options = {IPOPT_RR, 7, 4, 0, 0, 0, 0, IPOPT_EOL};
  Octets out{static_cast<uint8_t>(0x45 + options.size() / 4), 0};
  put16(out, header4 + options.size() + behind.size());
  put16(out, packet.id);
  put16(out, 0);  // no fragment
  put(out, Octets{packet.hop_limit, packet.protocol, 0, 0});
  put(out, packet.from.address.octets());
  put(out, packet.to.address.octets());
  put(out, options);
  const uint16_t sum = checksum(out);
  out[10] = static_cast<uint8_t>(sum >> 8U);
  out[11] = static_cast<uint8_t>(sum);
  put(out, behind);
  return out;
}

Octets octets6(const Packet& packet, const Octets& behind) {
  const bool routed = packet.extra == Extra::routing_header;
  Octets out{0x60, 0, 0, 0};
  put16(out, behind.size() + (routed ? routing_header : 0));
  out.push_back(routed ? uint8_t{IPPROTO_ROUTING} : packet.protocol);
  out.push_back(packet.hop_limit);
  put(out, packet.from.address.octets());
  put(out, packet.to.address.octets());
  if (routed) {
    put(out, Octets{packet.protocol, 2, 4, 0, 0, 0, 0, 0});
    put(out, packet.to.address.octets());
  }
  put(out, behind);
  return out;
}

std::optional<Packet> read_transport(Packet packet, std::span<const uint8_t> in) {
  const size_t header = packet.protocol == IPPROTO_TCP ? 20 : 8;
  if (in.size() < header) return std::nullopt;
  if (is_icmp(packet)) {
    packet.type = in[0];
    packet.code = in[1];
    packet.from.port = get16(in, 4);
  } else {
    packet.from.port = get16(in, 0);
    packet.to.port = get16(in, 2);
  }
  size_t behind = header;
  if (packet.protocol == IPPROTO_TCP) {
    packet.sequence = get32(in, 4);
    packet.acknowledgement = get32(in, 8);
    packet.flags = in[13];
    packet.header_words = in[12] >> 4U;
    packet.window = get16(in, 14);
    behind = std::min(in.size(), size_t{4} * (in[12] >> 4U));
  }
  packet.payload.assign(in.begin() + static_cast<ptrdiff_t>(behind), in.end());
  return packet;
}

std::optional<Packet> read4(std::span<const uint8_t> in) {
  const size_t header = size_t{4} * (in[0] & 15U);
  if (header < header4 || in.size() < header) return std::nullopt;
  const auto address = [&](size_t at) { return IpAddress::v4({in[at], in[at + 1], in[at + 2], in[at + 3]}); };
  return read_transport({.from = {address(12), 0},
                         .to = {address(16), 0},
                         .protocol = in[9],
                         .hop_limit = in[8],
                         .id = static_cast<uint16_t>(in[4] << 8U | in[5]),
                         .extra = header > header4 ? Extra::ip_options : Extra::none},
                        in.subspan(header));
}

std::optional<Packet> read6(std::span<const uint8_t> in) {
  const auto address = [&](size_t at) {
    std::array<uint8_t, 16> of{};
    std::ranges::copy(in.subspan(at, of.size()), of.begin());
    return IpAddress::v6(of);
  };
  Packet packet{.from = {address(8), 0}, .to = {address(24), 0}, .protocol = in[6], .hop_limit = in[7]};
  std::span<const uint8_t> rest = in.subspan(header6);
  while (packet.protocol == IPPROTO_ROUTING || packet.protocol == IPPROTO_HOPOPTS) {
    if (rest.size() < 8 || rest.size() < 8 + size_t{8} * rest[1]) return std::nullopt;
    if (packet.protocol == IPPROTO_ROUTING) packet.extra = Extra::routing_header;
    packet.protocol = rest[0];
    rest = rest.subspan(8 + size_t{8} * rest[1]);
  }
  return read_transport(std::move(packet), rest);
}

Family family(const Packet& packet) {
  return packet.from.address.family();
}

}  // namespace

Packet of_protocol(uint8_t protocol, const Endpoint& from, const Endpoint& to) {
  return {.from = from, .to = to, .protocol = protocol};
}
Packet tcp(const Endpoint& from, const Endpoint& to, uint8_t flags) {
  Packet packet = of_protocol(IPPROTO_TCP, from, to);
  packet.flags = flags;
  return packet;
}
Packet udp(const Endpoint& from, const Endpoint& to) {
  return with_data(of_protocol(IPPROTO_UDP, from, to), 8);
}
Packet icmp(const Endpoint& from, const Endpoint& to, uint8_t type) {
  const bool is_ipv4 = from.address.family() == Family::ipv4;
  Packet packet = of_protocol(is_ipv4 ? uint8_t{IPPROTO_ICMP} : uint8_t{IPPROTO_ICMPV6}, from, to);
  packet.type = type;
  // As many octets as a solicitation or advertisement needs.
  return with_data(packet, 24);
}
Packet echo_request(const Endpoint& from, const Endpoint& to) {
  const bool is_ipv4 = from.address.family() == Family::ipv4;
  return icmp(from, to, is_ipv4 ? uint8_t{ICMP_ECHO} : uint8_t{ICMP6_ECHO_REQUEST});
}

Packet port_unreachable(const Packet& packet) {
  const bool is_ipv4 = family(packet) == Family::ipv4;
  Packet error = icmp({packet.to.address, 0}, {packet.from.address, 0},
                      is_ipv4 ? uint8_t{ICMP_DEST_UNREACH} : uint8_t{ICMP6_DST_UNREACH});
  error.code = is_ipv4 ? ICMP_PORT_UNREACH : ICMP6_DST_UNREACH_NOPORT;
  error.payload = octets(packet);
  return error;
}

Packet again(const Packet& packet, uint8_t flags) {
  Packet same = packet;
  same.flags = flags;
  return same;
}
Packet answer(const Packet& packet, uint8_t flags) {
  Packet other = again(packet, flags);
  std::swap(other.from, other.to);
  if (packet.type == ICMP_ECHO && packet.protocol == IPPROTO_ICMP) other.type = ICMP_ECHOREPLY;
  if (packet.type == ICMP6_ECHO_REQUEST && packet.protocol == IPPROTO_ICMPV6) other.type = ICMP6_ECHO_REPLY;
  if (is_icmp(packet)) std::swap(other.from.port, other.to.port);
  return other;
}

Packet with(Packet packet, Extra extra) {
  packet.extra = extra;
  return packet;
}
Packet with_data(Packet packet, size_t octets) {
  packet.payload.assign(octets, 0);
  return packet;
}
Packet with_checksum(Packet packet, uint16_t checksum) {
  uint8_t* const last = packet.payload.data() + packet.payload.size() - 2;
  last[0] = last[1] = 0;
  const uint32_t now = static_cast<uint16_t>(~get16(transport(packet), checksum_at(packet.protocol)));
  const uint32_t wanted = static_cast<uint16_t>(~checksum);
  const uint32_t missing = (wanted + 0xffffU - now) % 0xffffU;  // in ones' complement
  last[0] = static_cast<uint8_t>(missing >> 8U);
  last[1] = static_cast<uint8_t>(missing);
  return packet;
}
Packet with_header_words(Packet packet, uint8_t words) {
  packet.header_words = words;
  return packet;
}

Packet with_hop_limit(Packet packet, uint8_t hop_limit) {
  packet.hop_limit = hop_limit;
  return packet;
}

std::vector<uint8_t> octets(const Packet& packet) {
  return family(packet) == Family::ipv4 ? octets4(packet, transport(packet))
                                        : octets6(packet, transport(packet));
}

std::optional<Packet> read_packet(std::span<const uint8_t> octets) {
  if (octets.size() >= header4 && octets[0] >> 4U == 4) return read4(octets);
  if (octets.size() >= header6 && octets[0] >> 4U == 6) return read6(octets);
  return std::nullopt;
}

std::string text(const Packet& packet) {
  std::string out = packet.protocol == IPPROTO_TCP   ? "tcp"
                    : packet.protocol == IPPROTO_UDP ? "udp"
                    : is_icmp(packet)
                        ? "icmp " + std::to_string(packet.type) + "/" + std::to_string(packet.code)
                        : "protocol " + std::to_string(packet.protocol);
  const auto with_port = [&](const Endpoint& end) {
    return " " + end.address.text() + (is_icmp(packet) ? "" : " port " + std::to_string(end.port));
  };
  out += with_port(packet.from) + " to" + with_port(packet.to);
  for (const auto& [bit, letter] : {std::pair(flag::syn, " SYN"), std::pair(flag::ack, " ACK"),
                                    std::pair(flag::rst, " RST"), std::pair(flag::fin, " FIN")})
    if (packet.protocol == IPPROTO_TCP && (packet.flags & bit) != 0) out += letter;
  if (packet.extra == Extra::ip_options) out += " with options";
  if (packet.extra == Extra::routing_header) out += " with a routing header";
  return out;
}

bool same(const Packet& one, const Packet& other) {
  return text(one) == text(other);
}

bool refuses(const Packet& refusal, const Packet& packet) {
  if (packet.protocol == IPPROTO_TCP)
    return refusal.protocol == IPPROTO_TCP && (refusal.flags & flag::rst) != 0 && refusal.from == packet.to &&
           refusal.to == packet.from;
  const bool prohibited = family(packet) == Family::ipv4
                              ? refusal.type == ICMP_DEST_UNREACH && refusal.code == ICMP_PKT_FILTERED
                              : refusal.type == ICMP6_DST_UNREACH && refusal.code == ICMP6_DST_UNREACH_ADMIN;
  return is_icmp(refusal) && prohibited && refusal.to.address == packet.from.address;
}

}  // namespace ostiary::test::rules
