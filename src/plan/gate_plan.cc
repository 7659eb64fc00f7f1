#include "ostiary/plan/gate_plan.h"

#include <algorithm>

#include <netinet/in.h>

#include "ostiary/gate/launch.h"
#include "ostiary/policy/policy.h"

namespace ostiary::plan {
namespace {

constexpr uint16_t log_group = 5353;

gate::Reachability reachability(net::Reach reach) {
  return reach == net::Reach::none ? gate::Reachability::unreachable : gate::Reachability::reachable;
}

gate::Setup make_setup(const Plan& plan, const net::Reachable& reach,
                       const std::vector<AskableServer>& servers) {
  gate::Setup setup;
  setup.rules = plan.gate->rules;
  for (const AskableServer& each : servers) setup.upstreams.push_back(each.server);
  setup.terms = {
      .hold = plan.enclosure.hold, .ipv4 = reachability(reach.ipv4), .ipv6 = reachability(reach.ipv6)};
  setup.resolve_timeout = plan.gate->resolve_timeout;
  setup.initial_sets = gate::InitialSets::empty;
  setup.mark = gate_mark;
  setup.log_group = log_group;
  return setup;
}

std::vector<uint8_t> protocols(policy::Protocol protocol) {
  std::vector<uint8_t> numbers;
  if (protocol != policy::Protocol::udp) numbers.push_back(IPPROTO_TCP);
  if (protocol != policy::Protocol::tcp) numbers.push_back(IPPROTO_UDP);
  return numbers;
}

// The addresses and networks of the policy. Names have no address yet.
std::vector<nft::AddressRule> outbound(const Plan& plan) {
  std::vector<nft::AddressRule> rules;
  const policy::Policy policy = policy::Policy::compile(plan.gate->rules);
  for (const policy::StaticGrant& each : policy.static_grants())
    for (const policy::Grant& grant : each.grants)
      rules.push_back({.network = each.prefix.network(),
                       .prefix_length = each.prefix.length(),
                       .protocol = static_cast<uint8_t>(grant.transport),
                       .first_port = grant.ports.first,
                       .last_port = grant.ports.last});
  return rules;
}

std::vector<nft::AddressRule> inbound(const Plan& plan) {
  std::vector<nft::AddressRule> rules;
  for (const policy::Rule& rule : plan.enclosure.inbound)
    for (const inet::PortRange& ports : rule.ports.ranges())
      for (const uint8_t protocol : protocols(rule.protocol))
        rules.push_back({.network = std::get<inet::Prefix>(rule.subject).network(),
                         .prefix_length = std::get<inet::Prefix>(rule.subject).length(),
                         .protocol = protocol,
                         .first_port = ports.first,
                         .last_port = ports.last});
  return rules;
}

std::vector<selftest::AddressPort> on_this_host(const std::vector<AskableServer>& servers) {
  std::vector<selftest::AddressPort> found;
  for (const auto& [server, place] : servers)
    if (place == AskableServer::Place::this_host) found.push_back({server.address, server.port});
  return found;
}

// Whether a server at that address is the gate itself, if it is asked at port 53.
bool is_gates(const inet::IpAddress& address) {
  return address == inet::IpAddress::loopback(address.family());
}

// The addresses of this host at which the gate asks a resolver. The agent may not serve there.
std::vector<inet::IpAddress> closed_resolvers(const std::vector<selftest::AddressPort>& local) {
  std::vector<inet::IpAddress> closed;
  for (const auto& [address, port] : local)
    if (!is_gates(address) && std::ranges::find(closed, address) == closed.end()) closed.push_back(address);
  return closed;
}

nft::Ruleset make_ruleset(const Plan& plan, const std::vector<selftest::AddressPort>& local_upstreams) {
  nft::Ruleset ruleset;
  ruleset.gate_mark = gate_mark;
  ruleset.gate_port = gate::port;
  ruleset.log_group = log_group;
  ruleset.agent_user = plan.agent.identity.uid;
  ruleset.only_user = plan.enclosure.scope.only_user(plan.agent.identity.uid);
  ruleset.closed_resolvers = closed_resolvers(local_upstreams);
  ruleset.addresses = outbound(plan);
  ruleset.inbound = inbound(plan);
  return ruleset;
}

}  // namespace

Result<GatePlan> make_gate_plan(const Plan& plan, net::RoutingTable routes) {
  Askable askable = TRY(choose_upstreams(plan.gate->upstreams, plan.enclosure.scope));
  GatePlan gate{.setup = make_setup(plan, routes.reach, askable.servers),
                .ruleset = {},
                .local_upstreams = on_this_host(askable.servers),
                .not_asked = std::move(askable.refused)};
  gate.ruleset = make_ruleset(plan, gate.local_upstreams);
  gate.ruleset.routes = std::move(routes.networks);
  return gate;
}

}  // namespace ostiary::plan
