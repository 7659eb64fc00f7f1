#include "rules.h"

#include <map>
#include <span>
#include <string>
#include <utility>

#include "ostiary/claude/derive.h"
#include "ostiary/link/gate_limits.h"
#include "ostiary/policy/parse.h"

namespace ostiary::plan {
namespace {

using policy::Rule;
using Rules = std::vector<Rule>;

// One rule a server, whatever number of signals goes there.
Rules telemetry_rules(std::span<const telemetry::Route> routes, config::Choice required) {
  std::map<std::pair<inet::Destination, inet::Scheme>, std::string> signals;
  for (const telemetry::Route& route : routes) {
    std::string& names = signals[{route.endpoint.destination, route.endpoint.scheme}];
    names += (names.empty() ? "" : ", ") + std::string(text(route.signal));
  }
  Rules rules;
  for (const auto& [server, names] : signals) {
    rules.push_back(telemetry_rule(server.first, names, required));
    rules.back().tls = policy::tls_of(server.second);
  }
  return rules;
}

// A name's addresses are admitted port by port.
Result<> check_ports(const Rule& rule) {
  if (std::holds_alternative<inet::Prefix>(rule.subject)) return {};
  size_t ports = 0;
  for (const inet::PortRange& range : rule.ports.ranges()) ports += size_t{range.last} - range.first + 1;
  if (ports <= gate::limits::ports_of_a_name) return {};
  return fail(Exit::configuration, rule.reason + ": " + text(rule.subject) + " opens " +
                                       std::to_string(ports) + " ports; a host can open " +
                                       std::to_string(gate::limits::ports_of_a_name) +
                                       ", so name fewer, or the network instead of the host");
}

void append(Rules& rules, Rules more) {
  rules.insert(rules.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

policy::Lookup lookup_in(const config::Config& config) {
  return [&config](std::string_view name) -> std::string_view {
    if (const std::string_view value = config.environment.get(name); !value.empty()) return value;
    const auto secret = config.secrets.find(name);
    return secret == config.secrets.end() ? std::string_view{} : secret->second.value.reveal();
  };
}

Rule telemetry_rule(const inet::Destination& destination, std::string_view signals, config::Choice required) {
  const bool is_name = std::holds_alternative<inet::HostName>(destination.host);
  const bool needed = is_name && required == config::Choice::yes;
  return {.subject = policy::subject_of(destination.host),
          .ports = inet::PortSet(destination.port),
          .answers = policy::Answers::private_too,
          .need = needed ? policy::Need::required : policy::Need::optional,
          .reason = "telemetry: " + std::string(signals)};
}

Result<Rules> collect_rules(const config::Config& config, const telemetry::Telemetry& telemetry) {
  const policy::Lookup lookup = lookup_in(config);
  Rules rules;
  if (telemetry.on() != nullptr && telemetry.on()->road == telemetry::Road::direct)
    rules = telemetry_rules(telemetry.routes(), config.require_telemetry);
  const auto road =
      config.api_relay == config::Choice::yes ? claude::ApiRoad::relay : claude::ApiRoad::direct;
  if (config.derive == config::Choice::yes)
    append(rules, TRY(claude::derive(lookup, config.environment.entries(), road)));
  if (config.policy_allow) {
    auto listed = policy::parse_allow(*config.policy_allow, config.policy_path, lookup);
    if (!listed) return std::unexpected(std::move(listed).error().within(config.policy_path));
    append(rules, std::move(*listed));
  }
  for (const config::Given& list : config.allow) {
    auto listed = policy::parse_list(list.text, list.origin, lookup);
    if (!listed) return std::unexpected(std::move(listed).error().within(list.origin));
    append(rules, std::move(*listed));
  }
  for (const Rule& rule : rules) TRY(check_ports(rule));
  if (config.check_names == config::Choice::no)
    for (Rule& rule : rules) rule.tls = rule.http = policy::Named::nowhere;
  return rules;
}

}  // namespace ostiary::plan
