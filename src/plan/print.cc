#include "ostiary/plan/print.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "ostiary/base/escape.h"
#include "ostiary/confine/confine.h"

namespace ostiary::plan {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view hidden = "(secret)";

std::string_view shown(const telemetry::Variable& variable) {
  return variable.secrecy == telemetry::Secrecy::open ? variable.value.reveal() : hidden;
}

// ---- JSON

Json telemetry_json(const telemetry::Telemetry& telemetry) {
  Json signals = Json::array();
  for (const telemetry::Route& route : telemetry.routes)
    signals.push_back({{"signal", text(route.signal)},
                       {"protocol", text(route.protocol)},
                       {"endpoint", text(route.endpoint)},
                       {"host", inet::text(route.endpoint.destination.host)},
                       {"port", route.endpoint.destination.port}});
  return {{"state", text(telemetry.state)},
          {"source", config::text(telemetry.source)},
          {"reason", telemetry.reason},
          {"missing", telemetry.missing},
          {"signals", std::move(signals)}};
}

Json environment_json(const Plan& plan) {
  Json variables = Json::array();
  for (const telemetry::Variable& variable : plan.telemetry.variables)
    variables.push_back({{"name", variable.name}, {"value", shown(variable)}, {"source", variable.source}});
  return {{"telemetry", std::move(variables)}, {"removed", plan.agent.environment.removed}};
}

Json agent_json(const Plan& plan) {
  const confine::Identity& identity = plan.agent.identity;
  return {{"command", plan.agent.command},
          {"user", identity.name},
          {"uid", identity.uid},
          {"gid", identity.gid},
          {"groups", identity.groups},
          {"home", identity.home},
          {"shell", identity.shell},
          {"workdir", plan.agent.workdir},
          {"capabilities", identity.uid == 0 ? confine::kept_capabilities() : std::vector<std::string>{}}};
}

Json rules_json(const Plan& plan) {
  Json rules = Json::array();
  for (const policy::Rule& rule : rules_of(plan))
    rules.push_back({{"host", text(rule.subject)},
                     {"ports", rule.ports.text()},
                     {"protocol", text(rule.protocol)},
                     {"private", rule.answers == policy::Answers::private_too},
                     {"types", rule.types.text()},
                     {"required", rule.need == policy::Need::required},
                     {"reason", rule.reason}});
  return rules;
}

Json upstreams_json(const Plan& plan) {
  Json upstreams = Json::array();
  for (const PlannedUpstream& each : servers_of(plan))
    upstreams.push_back({{"server", text(each.server)}, {"source", each.source}});
  return upstreams;
}

Json inbound_json(const Plan& plan) {
  Json inbound = Json::array();
  for (const policy::Rule& rule : plan.enclosure.inbound)
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

Json settings_json(const Plan& plan) {
  Json settings = Json::array();
  for (const auto& [key, given] : plan.settings)
    settings.push_back({{"name", key}, {"value", given.text}, {"source", given.origin}});
  return settings;
}

Json auth_hook_json(const Plan& plan) {
  if (!plan.agent.auth_hook) return nullptr;
  return {{"program", plan.agent.auth_hook->program},
          {"time_limit_seconds", plan.agent.auth_hook->time_limit.count()}};
}

// As `nft -j -f` takes it, one command a line: there are about a hundred.
std::string ruleset_json(const nft::Ruleset& ruleset) {
  const Json table{{"add", {{"table", {{"family", "inet"}, {"name", nft::table_name}}}}}};
  std::string text = "{\n    \"nftables\": [\n      " + table.dump();
  for (const auto& command : nft::commands(ruleset)) text += ",\n      " + command.dump();
  return text + "\n    ]\n  }";
}

// ---- text

using Out = fmt::memory_buffer;

// Whatever the arguments hold, it stays one line.
template <typename... Arguments>
void line(Out& out, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  out.append(escape_controls(fmt::format(format, std::forward<Arguments>(arguments)...)));
  out.push_back('\n');
}

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

void print_settings(Out& out, const Plan& plan) {
  if (plan.settings.empty()) return;
  line(out, "settings");
  for (const auto& [key, given] : plan.settings)
    line(out, "  {:<12} {}   ({})", key, given.text, given.origin);
}

// What a rule opens beyond addresses on the public internet, and what else it asks for.
std::string extras(const policy::Rule& rule) {
  std::string text;
  if (rule.answers == policy::Answers::private_too) text += ", private addresses too";
  if (!rule.types.empty()) text += ", asks for " + rule.types.text();
  if (rule.need == policy::Need::required) text += ", required";
  return text;
}

void print_phase_1(Out& out, const Plan& plan) {
  line(out, "phase 1: before the network is usable");
  line(out, "  gate         {}",
       plan.gate ? "on: everything is denied but what follows (its rules: --json)" : "OFF");
  for (const PlannedUpstream& each : servers_of(plan))
    line(out, "  asks         {}   ({})", text(each.server), each.source);
  if (plan.gate)
    line(out, "  holds        an address for {} s or its TTL, whichever is longer",
         plan.enclosure.hold.count());
  if (const auto user = plan.enclosure.scope.only_user(plan.agent.identity.uid))
    line(out, "  scope        user {} alone: nobody else is touched", *user);
  for (const policy::Rule& rule : rules_of(plan))
    line(out, "  opens        {}{}   ({})", text(rule), extras(rule), escape_controls(rule.reason));
  for (const policy::Rule& rule : plan.enclosure.inbound)
    line(out, "  accepts      flows from {} to port {}/{}   ({})", text(rule.subject), rule.ports.text(),
         text(rule.protocol), escape_controls(rule.reason));
  const telemetry::Telemetry& telemetry = plan.telemetry;
  std::string why = telemetry.reason.empty() ? "" : " by " + telemetry.reason;
  if (telemetry.state == telemetry::State::on) why = ": " + std::string(config::text(telemetry.source));
  line(out, "  telemetry    {}{}", text(telemetry.state), why);
  for (const telemetry::Route& route : telemetry.routes)
    line(out, "    {:<10} {} over {}", text(route.signal), text(route.endpoint), text(route.protocol));
  for (const std::string& name : telemetry.missing) line(out, "    missing    {}", name);
  if (!plan.agent.auth_hook) return;
  line(out, "auth hook");
  line(out, "  {}, at most {} s", plan.agent.auth_hook->program, plan.agent.auth_hook->time_limit.count());
}

void print_phase_2(Out& out, const Plan& plan) {
  line(out, "phase 2: before the agent starts");
  for (const std::string& path : files_of(plan)) line(out, "  writes       {}", path);
  for (const std::string& name : plan.agent.environment.removed) line(out, "  removes      {}", name);
  for (const telemetry::Variable& variable : plan.telemetry.variables)
    line(out, "  sets         {}={}   ({})", variable.name, shown(variable), variable.source);
  for (const telemetry::Attribute& attribute : plan.telemetry.attributes)
    line(out, "  attribute    {}={}   ({})", attribute.key, attribute.value, attribute.source);
}

void print_agent(Out& out, const Plan& plan) {
  line(out, "agent");
  line(out, "  command      {}", joined(plan.agent.command));
  line(out, "  user         {} (uid {}, gid {}, groups {})", plan.agent.identity.name,
       plan.agent.identity.uid, plan.agent.identity.gid, fmt::join(plan.agent.identity.groups, ","));
  line(out, "  starts in    {}", plan.agent.workdir);
  line(out, "  capabilities {}",
       plan.agent.identity.uid == 0 ? joined(confine::kept_capabilities()) : "none");
  line(out, "  ends         KILL {} s after TERM or INT", plan.agent.grace.count());
}

}  // namespace

std::string plan_as_json(const Plan& plan, const Result<std::optional<nft::Ruleset>>& ruleset) {
  const Json json{{"version", 2},
                  {"settings", settings_json(plan)},
                  {"agent", agent_json(plan)},
                  {"gate", plan.gate ? "on" : "off"},
                  {"scope", plan.enclosure.scope.name},
                  {"telemetry", telemetry_json(plan.telemetry)},
                  {"rules", rules_json(plan)},
                  {"upstreams", upstreams_json(plan)},
                  {"hold_seconds", plan.enclosure.hold.count()},
                  {"inbound", inbound_json(plan)},
                  {"platforms", plan.telemetry.platforms},
                  {"resource_attributes", attributes_json(plan.telemetry)},
                  {"environment", environment_json(plan)},
                  {"files", files_of(plan)},
                  {"auth_hook", auth_hook_json(plan)},
                  {"prepare_claude", plan.agent.prepare_claude == config::Choice::yes},
                  {"grace_seconds", plan.agent.grace.count()},
                  {"warnings", plan.warnings},
                  {"ruleset_error", ruleset ? "" : ruleset.error().message}};
  std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace);
  text.resize(text.size() - std::string_view("\n}").size());
  return text + ",\n  \"ruleset\": " + (ruleset && *ruleset ? ruleset_json(**ruleset) : "null") + "\n}\n";
}

std::string plan_as_text(const Plan& plan) {
  Out out;
  print_settings(out, plan);
  print_phase_1(out, plan);
  print_phase_2(out, plan);
  print_agent(out, plan);
  for (const std::string& warning : plan.warnings) line(out, "warning: {}", warning);
  return fmt::to_string(out);
}

}  // namespace ostiary::plan
