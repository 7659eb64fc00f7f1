// nft/rules/every_rule.h: rulesets that contain a rule of each kind. The mutants are made from
// them, so that tests of these rulesets cover each mutant: docs/testing.md
#pragma once

#include <netinet/in.h>

#include "ostiary/nft/ruleset.h"

namespace ostiary::test::rules {

inline constexpr uint32_t the_agent = 1000;
inline constexpr uint32_t the_gates_mark = 0x6f737469;  // as in a plan
inline constexpr uint16_t the_gates_port = 15353;
inline constexpr uint16_t the_gates_queue = 5353;
inline constexpr uint16_t self_test_port = 15352;
// The interfaces of network.h; `wire` has the default route.
inline constexpr uint32_t index_of_wire = 101;
inline constexpr uint32_t index_of_inner = 102;
inline constexpr uint16_t service_port = 443;  // of allowed networks, and of the host's own services

inline nft::AddressRule service_of(const inet::IpAddress& network, uint8_t prefix_length, uint8_t protocol) {
  return {.network = network,
          .prefix_length = prefix_length,
          .protocol = protocol,
          .first_port = service_port,
          .last_port = service_port};
}

// Allowed networks and inbound clients are the same as ALLOW and INBOUND in
// tests/hunt/round.py.
inline nft::Ruleset rules_of_both_scopes() {
  using inet::IpAddress;
  nft::Ruleset ruleset{
      .gate_mark = the_gates_mark, .gate_port = the_gates_port, .log_group = 5353, .agent_user = the_agent};
  ruleset.name_queue = the_gates_queue;
  ruleset.self_test_port = self_test_port;
  const IpAddress allowed6 = IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0, 0x98});
  ruleset.addresses = {service_of(IpAddress::v4({192, 0, 2, 8}), 30, IPPROTO_TCP),
                       service_of(allowed6, 64, IPPROTO_TCP)};
  const IpAddress inbound6 = IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0x02, 0x40});
  for (const uint8_t protocol : {uint8_t{IPPROTO_TCP}, uint8_t{IPPROTO_UDP}}) {
    ruleset.inbound.push_back(service_of(IpAddress::v4({192, 0, 2, 240}), 30, protocol));
    ruleset.inbound.push_back(service_of(inbound6, 64, protocol));
  }
  ruleset.routes = {
      {{.interface = index_of_wire, .network = inet::Prefix::around(IpAddress::v4({}), 0)},
       {.interface = index_of_inner, .network = inet::Prefix::around(IpAddress::v4({10, 9, 0, 0}), 24)}}};
  return ruleset;
}

inline nft::Ruleset container_rules() {
  nft::Ruleset ruleset = rules_of_both_scopes();
  ruleset.direct_dns = {inet::IpAddress::loopback(inet::Family::ipv4),
                        inet::IpAddress::loopback(inet::Family::ipv6)};
  return ruleset;
}

inline nft::Ruleset user_rules() {
  nft::Ruleset ruleset = rules_of_both_scopes();
  ruleset.only_user = the_agent;
  return ruleset;
}

}  // namespace ostiary::test::rules
