#include "ostiary/plan/print.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "agents_credentials.h"
#include "ostiary/base/escape.h"
#include "ostiary/base/json.h"
#include "ostiary/base/text.h"
#include "ostiary/confine/confine.h"
#include "ostiary/policy/policy.h"

namespace ostiary::plan {
namespace {

using policy::OpenedBy;

constexpr std::string_view hidden = "(secret)";

std::string_view shown(const telemetry::Variable& variable) {
  return variable.secrecy == telemetry::Secrecy::open ? variable.value.reveal() : hidden;
}

// Why telemetry is switched off; empty in every other state.
std::string_view reason_of(const telemetry::State& state) {
  const auto* off = std::get_if<telemetry::SwitchedOff>(&state);
  return off == nullptr ? std::string_view() : off->reason;
}

std::span<const std::string> missing_of(const telemetry::State& state) {
  const auto* incomplete = std::get_if<telemetry::Incomplete>(&state);
  return incomplete == nullptr ? std::span<const std::string>() : incomplete->missing;
}

// "Authorization, x-scope", of whole header lines. The values are secret.
std::vector<std::string> names_in(std::string_view header_lines) {
  std::vector<std::string> names;
  while (!header_lines.empty()) {
    std::string_view line = take_until(header_lines, '\n');
    names.emplace_back(take_until(line, ':'));
  }
  return names;
}

std::string at_port(uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

// The header lines that the relay adds for its forward of this number.
std::string_view forward_lines(const Relay& relay, size_t number) {
  return relay.credentials[relay.setup.collectors.size() + number].reveal();
}

bool sums_metrics(const Relay& relay) {
  return relay.setup.temporality == telemetry::Temporality::cumulative;
}

// "GET, HEAD /v1 and below"
std::string text_of(const relay::AllowedRequests& allowed) {
  const bool below = allowed.match == relay::AllowedRequests::Match::with_paths_below;
  return join(allowed.methods, ", ") + " " + allowed.path + (below ? " and below" : "");
}

std::string text_of(std::span<const relay::AllowedRequests> all) {
  std::vector<std::string> texts;
  for (const relay::AllowedRequests& each : all) texts.push_back(text_of(each));
  return join(texts, "; ");
}

// ---- JSON

Json allowed_json(std::span<const relay::AllowedRequests> all) {
  Json entries = Json::array();
  for (const relay::AllowedRequests& each : all)
    entries.push_back({{"methods", each.methods},
                       {"path", each.path},
                       {"below", each.match == relay::AllowedRequests::Match::with_paths_below}});
  return entries;
}

Json telemetry_json(const telemetry::Telemetry& telemetry) {
  Json signals = Json::array();
  for (const telemetry::Route& route : telemetry.routes())
    signals.push_back({{"signal", text(route.signal)},
                       {"protocol", text(route.protocol)},
                       {"endpoint", text(route.endpoint)},
                       {"host", inet::text(route.endpoint.destination.host)},
                       {"port", route.endpoint.destination.port}});
  Json missing = Json::array();
  for (const std::string& name : missing_of(telemetry.state)) missing.push_back(name);
  return {{"state", text(telemetry.state)},
          {"source", config::text(telemetry.source())},
          {"reason", reason_of(telemetry.state)},
          {"missing", std::move(missing)},
          {"signals", std::move(signals)}};
}

Json forwards_json(const Relay& relay) {
  Json forwards = Json::array();
  for (size_t i = 0; i < relay.setup.forwards.size(); ++i) {
    const relay::ForwardSetup& each = relay.setup.forwards[i];
    Json variables = Json::array();
    for (const relay::AgentVariable& variable : relay.forwards[i].variables)
      variables.push_back({{"name", variable.name}, {"value", variable.value}});
    forwards.push_back({{"name", each.name},
                        {"listens", at_port(each.port)},
                        {"scheme", inet::text(each.server.scheme)},
                        {"host", inet::text(each.server.destination.host)},
                        {"port", each.server.destination.port},
                        {"base_path", each.base_path},
                        {"headers", names_in(forward_lines(relay, i))},
                        {"allow", allowed_json(each.allowed)},
                        {"variables", std::move(variables)}});
  }
  return forwards;
}

Json relay_json(const std::optional<Relay>& relay) {
  if (!relay) return nullptr;
  Json collectors = Json::array();
  for (size_t i = 0; i < relay->setup.collectors.size(); ++i) {
    const relay::CollectorSetup& each = relay->setup.collectors[i];
    Json signals = Json::array();
    for (const auto& [signal, path] : each.paths) signals.push_back(text(signal));
    collectors.push_back({{"scheme", inet::text(each.server.scheme)},
                          {"host", inet::text(each.server.destination.host)},
                          {"port", each.server.destination.port},
                          {"signals", std::move(signals)},
                          {"headers", names_in(relay->credentials[i].reveal())}});
  }
  std::vector<std::string> attributes;
  for (const relay::NamedValue& each : relay->setup.attributes) attributes.push_back(each.name);
  return {{"listens", relay->setup.collectors.empty() ? "" : at_port(telemetry::relay_port)},
          {"collectors", std::move(collectors)},
          {"attributes", attributes},
          {"sums_metrics", sums_metrics(*relay)},
          {"spool", relay->spool_directory},
          {"forwards", forwards_json(*relay)}};
}

Json environment_json(const telemetry::Telemetry& telemetry, const AgentEnvironment& environment) {
  Json variables = Json::array();
  for (const telemetry::Variable& variable : telemetry.variables())
    variables.push_back({{"name", variable.name}, {"value", shown(variable)}, {"source", variable.source}});
  return {{"telemetry", std::move(variables)}, {"removed", environment.removed}};
}

Json agent_json(const Plan& plan) {
  const Agent& agent = plan.agent;
  const confine::Identity& identity = agent.identity;
  return {{"command", agent.command},
          {"user", identity.name},
          {"uid", identity.uid},
          {"gid", identity.gid},
          {"groups", identity.groups},
          {"home", identity.home},
          {"shell", identity.shell},
          {"workdir", agent.workdir},
          {"credentials", agents_credentials(plan)},
          {"capabilities", identity.uid == 0 ? confine::kept_capabilities() : std::vector<std::string>{}},
          {"domain", confine::text(identity.domain)}};
}

Json rules_json(std::span<const policy::Rule> written) {
  Json rules = Json::array();
  const policy::Policy policy = policy::Policy::compile(written);
  for (const policy::Rule& rule : written)
    rules.push_back({{"host", text(rule.subject)},
                     {"ports", rule.ports.text()},
                     {"protocol", text(rule.protocol)},
                     {"tls_name_ports", policy.ports_opened_by(OpenedBy::tls_name, rule).text()},
                     {"http_name_ports", policy.ports_opened_by(OpenedBy::http_name, rule).text()},
                     {"private", rule.answers == policy::Answers::private_too},
                     {"types", rule.types.text()},
                     {"required", rule.need == policy::Need::required},
                     {"reason", rule.reason}});
  return rules;
}

Json upstreams_json(std::span<const PlannedUpstream> servers) {
  Json upstreams = Json::array();
  for (const PlannedUpstream& each : servers)
    upstreams.push_back({{"server", text(each.server)}, {"source", each.source}});
  return upstreams;
}

Json inbound_json(std::span<const policy::Rule> rules) {
  Json inbound = Json::array();
  for (const policy::Rule& rule : rules)
    inbound.push_back({{"network", text(rule.subject)},
                       {"ports", rule.ports.text()},
                       {"protocol", text(rule.protocol)},
                       {"reason", rule.reason}});
  return inbound;
}

Json attributes_json(const telemetry::Telemetry& telemetry) {
  Json attributes = Json::array();
  for (const telemetry::Attribute& attribute : telemetry.attributes)
    attributes.push_back({{"key", attribute.key}, {"value", attribute.value}, {"source", attribute.source}});
  return attributes;
}

Json settings_json(const config::GivenSettings& all) {
  Json settings = Json::array();
  for (const auto& [key, given] : all)
    settings.push_back({{"name", key}, {"value", given.text}, {"source", given.origin}});
  return settings;
}

Json auth_hook_json(const std::optional<AuthHook>& hook) {
  if (!hook) return nullptr;
  return {{"program", hook->program}, {"time_limit_seconds", hook->time_limit.count()}};
}

bool has_ruleset(const Plan& plan) {
  return plan.gate && !plan.gate->obstacle;
}

// Why the boot ends before it loads a ruleset.
std::string obstacle_of(const Plan& plan) {
  return plan.gate && plan.gate->obstacle ? plan.gate->obstacle->message : "";
}

// If the machine's resolv.conf names no server, `ruleset_error` alone says so.
std::vector<std::string> warnings_of(const Plan& plan) {
  std::vector<std::string> warnings = plan.warnings;
  const std::string obstacle = obstacle_of(plan);
  if (!obstacle.empty() && !servers_of(plan).empty())
    warnings.push_back("a boot would end with status 78: " + obstacle);
  return warnings;
}

// As `nft -j -f` takes it, one command a line: there are about a hundred.
std::string ruleset_json(const nft::Ruleset& ruleset) {
  const Json table{{"add", {{"table", {{"family", "inet"}, {"name", nft::table_name}}}}}};
  std::string text = "{\n    \"nftables\": [\n      " + table.compact();
  const Json commands = nft::commands(ruleset);
  for (const Json& command : commands.elements()) text += ",\n      " + command.compact();
  return text + "\n    ]\n  }";
}

// ---- text

using Parts = std::initializer_list<std::string_view>;

// Whatever the parts hold, they stay one line.
void line(std::string& out, Parts parts) {
  std::string text;
  append(text, parts);
  append(out, {escape_controls(text), "\n"});
}

std::string padded(std::string_view text, size_t width) {
  std::string out(text);
  out.resize(std::max(width, out.size()), ' ');
  return out;
}

std::string number(auto value) {
  return std::to_string(value);
}

// "1 attribute", "2 attributes"
std::string count_of(size_t count, std::string_view thing) {
  return number(count) + " " + std::string(thing) + (count == 1 ? "" : "s");
}

std::string numbers(const auto& values) {
  std::vector<std::string> words;
  for (const auto value : values) words.push_back(number(value));
  return join(words, ",");
}

void print_settings(std::string& out, const config::GivenSettings& settings) {
  if (settings.empty()) return;
  line(out, {"settings"});
  for (const auto& [key, given] : settings)
    line(out, {"  ", padded(key, 12), " ", given.text, "   (", given.origin, ")"});
}

// What opens a flow beside the address, what a rule opens beyond addresses on the public internet, and what else it
// asks for.
std::string extras(const policy::Rule& rule, const policy::Policy& policy) {
  std::string text;
  const auto add_named = [&](std::string_view what, OpenedBy name) {
    const inet::PortSet named = policy.ports_opened_by(name, rule);
    if (named.empty()) return;
    text.append(", ").append(what);
    if (named != rule.ports) text += " on " + named.text();
    if (rule.protocol == policy::Protocol::both) text += " over TCP";
  };
  add_named("TLS name", OpenedBy::tls_name);
  add_named("HTTP name", OpenedBy::http_name);
  if (rule.answers == policy::Answers::private_too) text += ", private addresses too";
  if (!rule.types.empty()) text += ", asks for " + rule.types.text();
  if (rule.need == policy::Need::required) text += ", required";
  return text;
}

void print_telemetry(std::string& out, const telemetry::Telemetry& telemetry) {
  const std::string reason(reason_of(telemetry.state));
  std::string why = reason.empty() ? "" : " by " + reason;
  if (telemetry.on() != nullptr) why = ": " + std::string(config::text(telemetry.source()));
  line(out, {"  telemetry    ", text(telemetry.state), why});
  for (const telemetry::Route& route : telemetry.routes())
    line(out,
         {"    ", padded(text(route.signal), 10), " ", text(route.endpoint), " over ", text(route.protocol)});
  for (const std::string& name : missing_of(telemetry.state)) line(out, {"    missing    ", name});
}

// What the agent gets, what the relay adds, and what is closed to the agent.
void print_forward(std::string& out, const Relay& relay, size_t number) {
  const relay::ForwardSetup& forward = relay.setup.forwards[number];
  const relay::ForwardTerms& terms = relay.forwards[number];
  line(out, {"  relay        takes the agent's requests to ", forward.name, " at ", at_port(forward.port),
             terms.substitute == relay::Substitute::dummy ? ", with a dummy credential"
                                                          : ", without a credential"});
  line(out, {"    adds       ", join(names_in(forward_lines(relay, number)), ", "), ", for ",
             forward.authority, forward.base_path});
  line(out, {"    passes     ", text_of(forward.allowed)});
  line(out, {"    closed     ", inet::text(forward.server.destination), " to the agent"});
  if (!terms.lost.empty()) line(out, {"    lost       ", terms.lost});
}

void print_collectors(std::string& out, const Plan& plan) {
  if (plan.relay->setup.collectors.empty()) return;
  line(out, {"  relay        takes the agent's telemetry at ", at_port(telemetry::relay_port),
             ", without a credential"});
  for (size_t i = 0; i < plan.relay->setup.collectors.size(); ++i) {
    const relay::CollectorSetup& each = plan.relay->setup.collectors[i];
    const std::vector<std::string> headers = names_in(plan.relay->credentials[i].reveal());
    line(out, {"    adds       ", headers.empty() ? "no header" : join(headers, ", "), " and ",
               count_of(plan.relay->setup.attributes.size(), "attribute"), ", for ", each.authority});
    line(out, {"    closed     ", inet::text(each.server.destination), " to the agent"});
    if (plan.relay->makes_instance_id) line(out, {"    makes      a new service.instance.id at each boot"});
    if (sums_metrics(*plan.relay) && each.paths.contains(telemetry::Signal::metrics))
      line(out, {"    sums       the agent's metrics, and sends them as cumulative"});
  }
  if (!plan.relay->spool_directory.empty())
    line(out, {"    keeps      telemetry that is not yet delivered in ", plan.relay->spool_directory});
}

void print_relay(std::string& out, const Plan& plan) {
  if (!plan.relay) return;
  print_collectors(out, plan);
  for (size_t i = 0; i < plan.relay->setup.forwards.size(); ++i) print_forward(out, *plan.relay, i);
}

void print_inbound(std::string& out, const std::vector<policy::Rule>& inbound) {
  for (const policy::Rule& rule : inbound)
    line(out, {"  accepts      flows from ", text(rule.subject), " to port ", rule.ports.text(), "/",
               text(rule.protocol), "   (", escape_controls(rule.reason), ")"});
}

void print_phase_1(std::string& out, const Plan& plan) {
  line(out, {"phase 1: before the network is usable"});
  line(out, {"  gate         ",
             plan.gate ? "on: everything is denied but what follows (its rules: --json)" : "OFF"});
  for (const PlannedUpstream& each : servers_of(plan))
    line(out, {"  asks         ", text(each.server), "   (", each.source, ")"});
  if (plan.gate)
    line(out, {"  holds        an address for ", number(plan.enclosure.hold.count()),
               " s or its TTL, whichever is longer"});
  const auto user = plan.enclosure.scope.only_user(plan.agent.identity.uid);
  if (plan.gate && user)
    line(out, {"  scope        user ", number(*user), " alone: other users are not affected"});
  const policy::Policy policy = policy::Policy::compile(rules_of(plan));
  for (const policy::Rule& rule : rules_of(plan))
    line(out,
         {"  opens        ", text(rule), extras(rule, policy), "   (", escape_controls(rule.reason), ")"});
  if (plan.gate) print_inbound(out, plan.enclosure.inbound);
  print_telemetry(out, plan.telemetry);
  print_relay(out, plan);
  if (!plan.agent.auth_hook) return;
  line(out, {"auth hook"});
  line(out, {"  ", plan.agent.auth_hook->program, ", at most ",
             number(plan.agent.auth_hook->time_limit.count()), " s"});
}

void print_phase_2(std::string& out, const Plan& plan) {
  line(out, {"phase 2: before the agent starts"});
  for (const std::string& path : files_of(plan)) line(out, {"  writes       ", path});
  for (const std::string& name : plan.agent.environment.removed) line(out, {"  removes      ", name});
  for (const telemetry::Variable& variable : plan.telemetry.variables())
    line(out, {"  sets         ", variable.name, "=", shown(variable), "   (", variable.source, ")"});
  if (plan.relay)
    for (const relay::ForwardTerms& forward : plan.relay->forwards)
      for (const relay::AgentVariable& variable : forward.variables)
        line(out, {"  sets         ", variable.name, "=", variable.value, "   (", forward.setting, ")"});
  for (const telemetry::Attribute& attribute : plan.telemetry.attributes)
    line(out, {"  attribute    ", attribute.key, "=", attribute.value, "   (", attribute.source, ")"});
}

void print_agent(std::string& out, const Plan& plan) {
  const Agent& agent = plan.agent;
  const confine::Identity& identity = agent.identity;
  const std::vector<std::string> credentials = agents_credentials(plan);
  line(out, {"agent"});
  line(out, {"  command      ", join(agent.command, " ")});
  line(out, {"  user         ", identity.name, " (uid ", number(identity.uid), ", gid ", number(identity.gid),
             ", groups ", numbers(identity.groups), ")"});
  line(out, {"  starts in    ", agent.workdir});
  if (!credentials.empty())
    line(out, {"  has          ", join(credentials, ", "), ", which every process of it can read"});
  line(out, {"  capabilities ", identity.uid == 0 ? join(confine::kept_capabilities(), " ") : "none"});
  line(out, {"  domain       ", confine::text(identity.domain)});
  line(out, {"  ends         KILL ", number(agent.grace.count()), " s after TERM or INT"});
}

}  // namespace

std::string plan_as_json(const Plan& plan) {
  const Json json{{"version", 2},
                  {"settings", settings_json(plan.settings)},
                  {"agent", agent_json(plan)},
                  {"gate", plan.gate ? "on" : "off"},
                  {"scope", plan.enclosure.scope.name},
                  {"telemetry", telemetry_json(plan.telemetry)},
                  {"relay", relay_json(plan.relay)},
                  {"rules", rules_json(rules_of(plan))},
                  {"upstreams", upstreams_json(servers_of(plan))},
                  {"hold_seconds", plan.enclosure.hold.count()},
                  {"inbound", inbound_json(plan.enclosure.inbound)},
                  {"platforms", plan.telemetry.platforms},
                  {"resource_attributes", attributes_json(plan.telemetry)},
                  {"environment", environment_json(plan.telemetry, plan.agent.environment)},
                  {"files", files_of(plan)},
                  {"auth_hook", auth_hook_json(plan.agent.auth_hook)},
                  {"prepare_claude", plan.agent.prepare_claude == config::Choice::yes},
                  {"grace_seconds", plan.agent.grace.count()},
                  {"warnings", warnings_of(plan)},
                  {"ruleset_error", obstacle_of(plan)}};
  std::string text = json.indented();
  text.resize(text.size() - std::string_view("\n}").size());
  return text + ",\n  \"ruleset\": " + (has_ruleset(plan) ? ruleset_json(plan.gate->ruleset) : "null") +
         "\n}\n";
}

std::string plan_as_text(const Plan& plan) {
  std::string out;
  print_settings(out, plan.settings);
  print_phase_1(out, plan);
  print_phase_2(out, plan);
  print_agent(out, plan);
  for (const std::string& warning : warnings_of(plan)) line(out, {"warning: ", warning});
  return out;
}

}  // namespace ostiary::plan
