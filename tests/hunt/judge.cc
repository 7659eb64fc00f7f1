#include "judge.h"

#include <algorithm>
#include <array>

#include <netinet/in.h>

#include "collector.h"

namespace ostiary::hunt {
namespace {

constexpr uint16_t dns = 53, https = 443;
constexpr uint8_t rst = 0x04;
constexpr uint8_t syn = 0x02;
constexpr uint8_t fin = 0x01;
// Of the ports that the kernel chooses.
constexpr uint16_t first_chosen_port = 32768;

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
bool is_multicast(const Address& address) {
  return is_v4(address) ? address[12] >= 224 : address[0] == 0xff;
}
bool is_ipv4(const Observation& observation) {
  return observation.version == Observation::Version::v4;
}
bool is_mapped(const Observation& observation) {
  return !is_ipv4(observation) && (is_v4(observation.source) || is_v4(observation.destination));
}
bool is_icmp(const Observation& observation) {
  return observation.protocol == (is_ipv4(observation) ? uint8_t{IPPROTO_ICMP} : uint8_t{IPPROTO_ICMPV6});
}
bool is_error(const Observation& observation) {
  if (!is_icmp(observation)) return false;
  if (!is_ipv4(observation)) return observation.icmp_type < 128;
  return observation.icmp_type == 3 || observation.icmp_type == 11 || observation.icmp_type == 12 ||
         observation.icmp_type == 5;
}
// Solicitations and advertisements. RFC 4861: routers do not forward them.
bool is_neighbour_discovery(const Observation& observation) {
  return is_icmp(observation) && observation.icmp_type >= 133 && observation.icmp_type <= 136 &&
         observation.hop_limit == 255 && !observation.seed;
}
bool is_group_report(const Observation& observation) {
  if (observation.seed || observation.hop_limit != 1) return false;
  if (observation.protocol == IPPROTO_IGMP && is_ipv4(observation)) return true;
  return is_icmp(observation) &&
         (observation.icmp_type == 143 || (observation.icmp_type >= 130 && observation.icmp_type <= 132));
}

// It contains only data of the host that sent the request, and none of the agent's.
bool is_echo_reply(const Observation& observation) {
  return is_icmp(observation) && !observation.seed &&
         observation.icmp_type == (is_ipv4(observation) ? 0 : 129);
}

// The kernel's answer to a segment from outside: it resets a connection that it does not have, and
// acknowledges one that has ended. A closed connection that still sends has a FIN. In user scope
// such a segment has no user, so no rule matches it.
bool is_answer_of_the_kernel(const Observation& observation) {
  return observation.protocol == IPPROTO_TCP && observation.tcp_without_data &&
         (observation.tcp_flags & (syn | fin)) == 0;
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

Judge::Judge(const Stage& stage, Scope scope, Collector collector, Names names)
    : stage_(stage),
      scope_(scope),
      collector_(collector),
      names_(names),
      resolver4_(parse_address(resolver4)),
      resolver6_(parse_address(resolver6)),
      collector4_(parse_address(collector4)),
      collector6_(parse_address(collector6)),
      shared4_(parse_address(shared4)),
      shared6_(parse_address(shared6)) {}

void Judge::allow(const Address& address) {
  const std::lock_guard lock(mutex_);
  allowed_.insert(address);
}
void Judge::add_inbound_flow(const Flow& flow) {
  const std::lock_guard lock(mutex_);
  flows_.insert(flow);
}
// The networks that the hunt's boot allows without a name.
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

bool Judge::is_allowed(const Address& address) const {
  if (is_in_allowed_network(address)) return true;
  const std::lock_guard lock(mutex_);
  return allowed_.contains(address);
}
bool Judge::is_own(const Address& address) const {
  return address == stage_.own4 || address == stage_.own6 || address == stage_.link6;
}
Flow flow_of(const Observation& observation) {
  return {observation.protocol, observation.destination, observation.port, observation.source_port};
}
bool Judge::is_answer(const Observation& observation) const {
  const std::lock_guard lock(mutex_);
  const bool without_ports = is_icmp(observation) || observation.later_fragment;
  return std::ranges::any_of(flows_, [&](const Flow& flow) {
    if (flow.peer != observation.destination) return false;
    if (without_ports) return is_icmp(observation) || flow.protocol == observation.protocol;
    return flow == flow_of(observation);
  });
}

bool Judge::is_collector(const Address& address) const {
  return collector_ == Collector::relayed && (address == collector4_ || address == collector6_);
}
// The gate's connections begin with a SYN without data, from a port that the kernel chose.
void Judge::note_connection(const Observation& observation) {
  if (is_collector(observation.destination) && observation.protocol == IPPROTO_TCP &&
      observation.port == collectors_port && observation.source_port >= first_chosen_port &&
      observation.tcp_flags == syn && observation.tcp_without_data)
    to_collector_.insert(flow_of(observation));
}
// The octets of the connection are judged where they arrive: collector.h.
bool Judge::is_of_the_relay(const Observation& observation) const {
  return to_collector_.contains(flow_of(observation));
}

// Without rules the kernel does not track connections. If the answer comes when the rules are back, it begins a flow from
// outside, in which the agent of user scope may answer: docs/security.md
bool Judge::answers_an_excused_flow(const Observation& observation) const {
  return answered_.contains(flow_of(observation));
}

bool Judge::is_shared(const Address& address) const {
  return names_ == Names::checked && (address == shared4_ || address == shared6_);
}
bool Judge::is_in_named_flow(const Observation& observation) const {
  return is_shared(observation.destination) && observation.protocol == IPPROTO_TCP &&
         is_named_port(observation.port) && !observation.later_fragment;
}
void Judge::excuse(const Observation& observation) {
  if (observation.protocol == IPPROTO_UDP) excused_.insert(flow_of(observation));
}
void Judge::note_answer(const Observation& observation) {
  const Flow flow{observation.protocol, observation.source, observation.source_port, observation.port};
  if (excused_.contains(flow)) answered_.insert(flow);
  if (is_shared(observation.source) && observation.protocol == IPPROTO_TCP) named_.take_answer(observation);
}

bool Judge::is_permitted(const Observation& observation) const {
  if (observation.routing_header || observation.source_route) return false;
  const bool to_resolver = observation.destination == resolver4_ || observation.destination == resolver6_;
  if (is_neighbour_discovery(observation)) return true;
  if (is_mapped(observation)) return false;
  if (!is_own(observation.source)) return false;
  if (to_resolver && !observation.seed && (observation.port == dns || is_error(observation))) return true;
  if (is_echo_reply(observation) && is_answer(observation)) return true;
  if (is_of_the_relay(observation)) return true;
  if (is_in_named_flow(observation)) return fault_of_name_.empty();
  if (is_allowed(observation.destination)) {
    if (is_error(observation)) return true;
    const bool known =
        observation.protocol == IPPROTO_TCP ||
        (observation.protocol == IPPROTO_UDP && !is_in_allowed_network(observation.destination));
    if (known && (observation.port == https || observation.later_fragment)) return true;
  }
  if (scope_ == Scope::container) return false;
  // In user scope, packets of other users and of the kernel are not filtered, and the agent may
  // answer.
  return is_group_report(observation) || is_answer(observation) || answers_an_excused_flow(observation);
}

std::string Judge::class_of(const Observation& observation) const {
  if (observation.routing_header) return "routing header";
  if (observation.source_route) return "source route";
  if (is_mapped(observation)) return "mapped address";
  if (is_loopback(observation.source)) return "from loopback";
  if (is_own(observation.destination) || is_loopback(observation.destination))
    return "to an own address by eth0";
  if (!is_own(observation.source) && !is_unspecified(observation.source)) return "forged source";
  if (is_unspecified(observation.source)) return "no source";
  if (is_answer(observation)) return "inbound answered";
  if (is_error(observation)) return observation.seed ? "quote in an ICMP error" : "ICMP error";
  if (is_group_report(observation)) return "multicast group report";
  if (observation.destination == resolver4_ || observation.destination == resolver6_)
    return "to the upstream";
  if (is_collector(observation.destination)) return "to the collector past the relay";
  if (is_in_named_flow(observation)) return std::string(fault_of_name_);
  if (is_shared(observation.destination)) return "another port or protocol of the shared address";
  if (is_allowed(observation.destination)) return "another port or protocol of an allowed host";
  if (observation.protocol == IPPROTO_TCP && (observation.tcp_flags & rst) != 0)
    return "RST to an unknown host";
  if (observation.port == dns) return "DNS past the gate";
  return is_multicast(observation.destination) ? "to a multicast group" : "to an unknown host";
}

Verdict Judge::judge(const Observation& observation, Phase phase) {
  note_connection(observation);
  fault_of_name_ = is_in_named_flow(observation) ? named_.take(observation) : std::string_view();
  const bool at_the_end = phase == Phase::ending || phase == Phase::ended;
  const bool was_flushed = phase == Phase::flushed || phase == Phase::ending;
  if (is_permitted(observation) || (at_the_end && is_group_report(observation)) ||
      (phase == Phase::ended && is_answer_of_the_kernel(observation)) ||
      (scope_ == Scope::user && was_flushed && is_answer_of_the_kernel(observation))) {
    const bool admitted =
        observation.seed && (is_allowed(observation.destination) || is_shared(observation.destination));
    return {admitted ? Verdict::Kind::admitted : Verdict::Kind::fine, {}};
  }
  return {Verdict::Kind::finding, std::string(is_ipv4(observation) ? "IPv4 " : "IPv6 ") +
                                      name_of(observation.protocol) + ", " + class_of(observation) +
                                      (observation.seed ? ", with the secret" : "")};
}

}  // namespace ostiary::hunt
