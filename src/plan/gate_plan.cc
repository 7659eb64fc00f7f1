#include "gate_plan.h"

#include <algorithm>

#include <netinet/in.h>

#include "ostiary/link/gate.h"
#include "ostiary/link/self_test_name.h"
#include "ostiary/policy/policy.h"
#include "ostiary/state/files.h"

namespace ostiary::plan {
namespace {

// Only the gate's packets carry this mark: setting a mark takes CAP_NET_ADMIN.
constexpr uint32_t gate_mark = 0x6f737469;
constexpr uint16_t log_group = 5353;
constexpr uint16_t name_queue = 5353;
static_assert(link::self_test_port < gate::port && gate::port < telemetry::relay_port,
              "no relay listens at the self-test's port, nor does the gate");

gate::Reachability reachability(net::Reach reach) {
  return reach == net::Reach::none ? gate::Reachability::unreachable : gate::Reachability::reachable;
}

void complete(gate::Setup& setup, std::chrono::seconds hold, const net::Reachable& reach,
              const std::vector<AskableServer>& servers) {
  for (const AskableServer& each : servers) setup.upstreams.push_back(each.server);
  setup.terms = {.hold = hold, .ipv4 = reachability(reach.ipv4), .ipv6 = reachability(reach.ipv6)};
  setup.mark = gate_mark;
  setup.log_group = log_group;
}

std::vector<uint8_t> protocols(policy::Protocol protocol) {
  std::vector<uint8_t> numbers;
  if (protocol != policy::Protocol::udp) numbers.push_back(IPPROTO_TCP);
  if (protocol != policy::Protocol::tcp) numbers.push_back(IPPROTO_UDP);
  return numbers;
}

// The addresses and networks of the policy. Names have no address yet.
std::vector<nft::AddressRule> outbound(const policy::Policy& policy) {
  std::vector<nft::AddressRule> rules;
  for (const policy::StaticGrant& each : policy.static_grants())
    for (const policy::Grant& grant : each.grants)
      rules.push_back({.network = each.prefix.network(),
                       .prefix_length = each.prefix.length(),
                       .protocol = static_cast<uint8_t>(grant.transport),
                       .first_port = grant.ports.first,
                       .last_port = grant.ports.last});
  return rules;
}

std::vector<nft::AddressRule> inbound(std::span<const policy::Rule> written) {
  std::vector<nft::AddressRule> rules;
  for (const policy::Rule& rule : written)
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

// At which it listens for the agent.
std::vector<uint16_t> ports_of(const Relay& relay) {
  std::vector<uint16_t> ports;
  if (!relay.setup.collectors.empty()) ports.push_back(telemetry::relay_port);
  for (const relay::ForwardSetup& each : relay.setup.forwards) ports.push_back(each.port);
  return ports;
}

nft::Ruleset make_ruleset(const Plan& plan, const std::vector<selftest::AddressPort>& local_upstreams) {
  const uid_t agent = plan.agent.identity.uid;
  nft::Ruleset ruleset;
  ruleset.gate_mark = gate_mark;
  ruleset.gate_port = gate::port;
  if (plan.relay) ruleset.relay_ports = ports_of(*plan.relay);
  ruleset.log_group = log_group;
  ruleset.agent_user = agent;
  ruleset.only_user = plan.enclosure.scope.only_user(agent);
  ruleset.closed_resolvers = closed_resolvers(local_upstreams);
  // The gate compiles the same rules in its own process, to decide about names.
  const policy::Policy policy = policy::Policy::compile(rules_of(plan));
  ruleset.addresses = outbound(policy);
  if (policy.asks_for_names()) ruleset.name_queue = name_queue;
  ruleset.self_test_port = link::self_test_port;
  ruleset.inbound = inbound(plan.enclosure.inbound);
  ruleset.routes.emplace();
  return ruleset;
}

selftest::Targets make_targets(const Enclosure& enclosure, const nft::Ruleset& ruleset,
                               std::vector<selftest::AddressPort> local_upstreams) {
  return {.gate_port = ruleset.gate_port,
          .gate_mark = ruleset.gate_mark,
          .permitted = ruleset.addresses,
          .names = ruleset.name_queue ? selftest::Targets::Names::read : selftest::Targets::Names::ignored,
          .local_upstreams = std::move(local_upstreams),
          .allowed_sockets = enclosure.allowed_sockets,
          .root_only_file = state::path_of(state::otel_env_name)};
}

}  // namespace

Result<> check_places(const Gate& gate, const scope::Scope& scope) {
  const Askable now = TRY(choose_upstreams(gate.upstreams, scope));
  const bool is_same = std::ranges::equal(now.servers, gate.setup.upstreams, {}, &AskableServer::server) &&
                       on_this_host(now.servers) == gate.self_test.local_upstreams;
  if (is_same) return {};
  return fail(
      Exit::unavailable,
      "an upstream server became an address of this host, or ceased to be one, while ostiary started: "
      "start it again when the addresses of this network are set up");
}

void complete_gate(Plan& plan, const net::Reachable& reach) {
  Gate& gate = *plan.gate;
  const auto askable = choose_upstreams(gate.upstreams, plan.enclosure.scope);
  if (!askable) {
    gate.obstacle = askable.error();
    return;
  }
  complete(gate.setup, plan.enclosure.hold, reach, askable->servers);
  auto local = on_this_host(askable->servers);
  gate.ruleset = make_ruleset(plan, local);
  gate.setup.name_queue = gate.ruleset.name_queue;
  gate.self_test = make_targets(plan.enclosure, gate.ruleset, std::move(local));
  for (const std::string& refused : askable->refused) plan.warnings.push_back(refused + ": it is not asked");
}

}  // namespace ostiary::plan
