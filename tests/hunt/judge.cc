#include "judge.h"

#include <algorithm>
#include <array>

#include <netinet/in.h>

namespace ostiary::hunt {
namespace {

constexpr uint16_t dns = 53, https = 443;
constexpr uint8_t rst = 0x04;
constexpr uint8_t syn = 0x02;

bool is_loopback(const Address& address) {
  if (is_v4(address)) return address[12] == 127;
  Address one{};
  one[15] = 1;
  return address == one;
}
bool is_unspecified(const Address& address) {
  return is_v4(address)
             ? std::all_of(address.begin() + 12, address.end(), [](uint8_t octet) { return octet == 0; })
             : std::ranges::all_of(address, [](uint8_t octet) { return octet == 0; });
}
bool is_group(const Address& address) {
  return is_v4(address) ? address[12] >= 224 : address[0] == 0xff;
}
bool is_version_4(const Sight& sight) {
  return sight.version == Sight::Version::v4;
}
bool is_mapped(const Sight& sight) {
  return !is_version_4(sight) && (is_v4(sight.source) || is_v4(sight.destination));
}
bool is_icmp(const Sight& sight) {
  return sight.protocol == (is_version_4(sight) ? uint8_t{IPPROTO_ICMP} : uint8_t{IPPROTO_ICMPV6});
}
bool is_error(const Sight& sight) {
  if (!is_icmp(sight)) return false;
  if (!is_version_4(sight)) return sight.icmp_type < 128;
  return sight.icmp_type == 3 || sight.icmp_type == 11 || sight.icmp_type == 12 || sight.icmp_type == 5;
}
// Solicitations, advertisements: RFC 4861 has them end at the link.
bool is_about_neighbours(const Sight& sight) {
  return is_icmp(sight) && sight.icmp_type >= 133 && sight.icmp_type <= 136 && sight.hop_limit == 255 &&
         !sight.seed;
}
bool is_about_groups(const Sight& sight) {
  if (sight.seed || sight.hop_limit != 1) return false;
  if (sight.protocol == IPPROTO_IGMP && is_version_4(sight)) return true;
  return is_icmp(sight) && (sight.icmp_type == 143 || (sight.icmp_type >= 130 && sight.icmp_type <= 132));
}

// Holds what the one who asked sent, and nothing of the agent's.
bool is_echo_reply(const Sight& sight) {
  return is_icmp(sight) && !sight.seed && sight.icmp_type == (is_version_4(sight) ? 0 : 129);
}

// What the kernel says for a closed connection, or to a segment of none.
bool is_farewell(const Sight& sight) {
  return sight.protocol == IPPROTO_TCP && sight.tcp_without_data && (sight.tcp_flags & syn) == 0;
}

std::string name_of(uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_ICMP:
      return "ICMP";
    case IPPROTO_IGMP:
      return "IGMP";
    case IPPROTO_TCP:
      return "TCP";
    case IPPROTO_UDP:
      return "UDP";
    case IPPROTO_ICMPV6:
      return "ICMPv6";
    case IPPROTO_UDPLITE:
      return "UDP-Lite";
    default:
      return "protocol " + std::to_string(protocol);
  }
}

}  // namespace

Judge::Judge(const Stage& stage, Scope scope)
    : stage_(stage),
      scope_(scope),
      resolver4_(parse_address(resolver4)),
      resolver6_(parse_address(resolver6)) {}

void Judge::told(const Address& address) {
  const std::lock_guard lock(mutex_);
  told_.insert(address);
}
void Judge::began(const Flow& flow) {
  const std::lock_guard lock(mutex_);
  flows_.insert(flow);
}
// The networks that a hunt's boot allows without a name.
bool is_in_allowed_network(const Address& address) {
  static const Address first4 = parse_address("192.0.2.8");
  static const Address first6 = parse_address("2001:db8:98::");
  Address masked = address;
  if (is_v4(address)) {
    masked[15] &= 0xfcU;
    return masked == first4;
  }
  std::fill(masked.begin() + 8, masked.end(), uint8_t{0});
  return masked == first6;
}

bool Judge::is_told(const Address& address) const {
  if (is_in_allowed_network(address)) return true;
  const std::lock_guard lock(mutex_);
  return told_.contains(address);
}
bool Judge::is_own(const Address& address) const {
  return address == stage_.own4 || address == stage_.own6 || address == stage_.link6;
}
bool Judge::is_answer(const Sight& sight) const {
  const std::lock_guard lock(mutex_);
  const bool without_ports = is_icmp(sight) || sight.later_fragment;
  return std::ranges::any_of(flows_, [&](const Flow& flow) {
    if (flow.peer != sight.destination) return false;
    if (without_ports) return is_icmp(sight) || flow.protocol == sight.protocol;
    return flow == Flow{sight.protocol, sight.destination, sight.port, sight.source_port};
  });
}

bool Judge::has_leave(const Sight& sight) const {
  if (sight.routing_header || sight.source_route) return false;
  const bool to_resolver = sight.destination == resolver4_ || sight.destination == resolver6_;
  if (is_about_neighbours(sight)) return true;
  if (is_mapped(sight)) return false;
  if (!is_own(sight.source)) return false;
  if (to_resolver && !sight.seed && (sight.port == dns || is_error(sight))) return true;
  if (is_echo_reply(sight) && is_answer(sight)) return true;
  if (is_told(sight.destination)) {
    if (is_error(sight)) return true;
    const bool known = sight.protocol == IPPROTO_TCP ||
                       (sight.protocol == IPPROTO_UDP && !is_in_allowed_network(sight.destination));
    if (known && (sight.port == https || sight.later_fragment)) return true;
  }
  if (scope_ == Scope::container) return false;
  // Others' packets, the kernel's among them, are not the gate's matter here, and the agent may answer.
  return is_about_groups(sight) || is_answer(sight);
}

std::string Judge::kind_of(const Sight& sight) const {
  if (sight.routing_header) return "routing header";
  if (sight.source_route) return "source route";
  if (is_mapped(sight)) return "mapped address";
  if (is_loopback(sight.source)) return "from loopback";
  if (is_own(sight.destination) || is_loopback(sight.destination)) return "own to own by eth0";
  if (!is_own(sight.source) && !is_unspecified(sight.source)) return "forged source";
  if (is_unspecified(sight.source)) return "no source";
  if (is_answer(sight)) return "inbound answered";
  if (is_error(sight)) return sight.seed ? "quote in an ICMP error" : "ICMP error";
  if (is_about_groups(sight)) return "report of a group";
  if (sight.destination == resolver4_ || sight.destination == resolver6_) return "at the upstream";
  if (is_told(sight.destination)) return "another port or protocol of an allowed host";
  if (sight.protocol == IPPROTO_TCP && (sight.tcp_flags & rst) != 0) return "RST to a stranger";
  if (sight.port == dns) return "DNS past the gate";
  return is_group(sight.destination) ? "to a group" : "to a stranger";
}

Verdict Judge::judge(const Sight& sight, Phase phase) const {
  const bool at_the_end = phase == Phase::ending || phase == Phase::ended;
  const bool without_owner = phase == Phase::ended || (scope_ == Scope::user && phase != Phase::hunting);
  if (has_leave(sight) || (at_the_end && is_about_groups(sight)) || (without_owner && is_farewell(sight))) {
    const bool admitted = sight.seed && is_told(sight.destination);
    return {admitted ? Verdict::Kind::admitted : Verdict::Kind::fine, {}};
  }
  return {Verdict::Kind::finding, std::string(is_version_4(sight) ? "IPv4 " : "IPv6 ") +
                                      name_of(sight.protocol) + ", " + kind_of(sight) +
                                      (sight.seed ? ", with the secret" : "")};
}

}  // namespace ostiary::hunt
