#include "ostiary/plan/plan.h"

#include "forwards.h"
#include "gate_plan.h"
#include "network_warnings.h"
#include "ostiary/base/text.h"
#include "ostiary/claude/managed_settings.h"
#include "ostiary/plan/helpers.h"
#include "ostiary/platform/platform.h"
#include "ostiary/policy/parse.h"
#include "ostiary/state/files.h"
#include "relay_plan.h"
#include "rules.h"
#include "warnings.h"

namespace ostiary::plan {
namespace {

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

struct WhyOff {
  std::string reason;  // "incomplete, missing GRAFANA_OTLP_ENDPOINT"
  std::string_view cure;
};

WhyOff why_off(const telemetry::State& state) {
  std::string reason(text(state));
  if (const auto* off = std::get_if<telemetry::SwitchedOff>(&state))
    return {reason + " by " + off->reason, "switch it on"};
  const auto* incomplete = std::get_if<telemetry::Incomplete>(&state);
  if (incomplete == nullptr)
    return {std::move(reason),
            "set GRAFANA_INSTANCE_ID, GRAFANA_API_TOKEN and GRAFANA_OTLP_ENDPOINT, or "
            "OTEL_EXPORTER_OTLP_ENDPOINT"};
  for (const std::string& name : incomplete->missing) reason += ", missing " + name;
  return {std::move(reason), "set what is missing"};
}

Result<> require_telemetry(const config::Config& config, const telemetry::Telemetry& telemetry) {
  if (config.require_telemetry == config::Choice::no || telemetry.on() != nullptr) return {};
  const WhyOff why = why_off(telemetry.state);
  return fail(Exit::configuration, config.given.at("require_telemetry").origin + ": telemetry is off (" +
                                       why.reason + "): " + std::string(why.cure) +
                                       ", or leave out require-telemetry");
}

Result<std::vector<policy::Rule>> parse_inbound(const config::Given& given) {
  auto rules = policy::parse_inbound(given.text, given.origin);
  if (!rules) return std::unexpected(std::move(rules).error().within(given.origin));
  return rules;
}

constexpr uint64_t mebibyte = 1U << 20U;
static_assert(config::setting_of("audit_limit").min * mebibyte >= audit::limits::least_octets);

Result<AuditOutput> parse_audit(const config::Given& given) {
  auto target = audit::parse_target(given.text);
  if (!target) return std::unexpected(std::move(target).error().within(given.origin));
  return AuditOutput{.target = *std::move(target), .origin = given.origin};
}

Result<std::vector<selftest::SocketWaiver>> parse_allowed_sockets(const config::Given& given) {
  std::vector<selftest::SocketWaiver> waivers;
  for (std::string_view rest = given.text; !rest.empty();) {
    auto waiver = selftest::SocketWaiver::parse(take_until(rest, ','));
    if (!waiver) return std::unexpected(std::move(waiver).error().within(given.origin));
    waivers.push_back(std::move(*waiver));
  }
  return waivers;
}

Result<Enclosure> plan_enclosure(const config::Config& config, const Machine& machine) {
  const scope::Scope& scope = scope::scope_of(config.scope);
  Enclosure enclosure{.scope = scope,
                      .network = machine.network,
                      .in_place = config.in_place,
                      .rules_at_end = scope.leaves_others_behind ? RulesAtEnd::removed : machine.rules_at_end,
                      .hold = config.hold};
  if (config.keep_rules)
    enclosure.rules_at_end =
        *config.keep_rules == config::Choice::yes ? RulesAtEnd::kept : RulesAtEnd::removed;
  if (config.inbound) enclosure.inbound = TRY(parse_inbound(*config.inbound));
  if (config.allowed_sockets) enclosure.allowed_sockets = TRY(parse_allowed_sockets(*config.allowed_sockets));
  return enclosure;
}

Result<Outputs> plan_outputs(const config::Config& config, FilesAtEnd files_at_end) {
  Outputs outputs{
      .default_audit = config.gate == config::GateSwitch::on ? config::Choice::yes : config::Choice::no,
      .audit_bound = audit::FileBound::share_of(static_cast<uint64_t>(config.audit_mebibytes) * mebibyte),
      .managed_settings = config.managed_settings,
      .files_at_end = files_at_end};
  if (config.audit) outputs.audit = TRY(parse_audit(*config.audit));
  return outputs;
}

Agent plan_agent(const config::Config& config, std::vector<std::string> command, Machine& machine,
                 const telemetry::Telemetry& telemetry,
                 std::span<const relay::AgentVariable> relay_variables) {
  Agent agent{.command = std::move(command), .identity = std::move(machine.identity), .grace = config.grace};
  if (agent.command.empty()) agent.command = {"claude"};
  agent.workdir = config.workdir;
  if (agent.workdir.empty()) agent.workdir = std::move(machine.current_directory);
  agent.environment = make_agent_environment(config, agent.identity, telemetry, relay_variables);
  if (!config.auth_hook.empty()) agent.auth_hook = AuthHook{config.auth_hook, config.auth_hook_timeout};
  const bool runs_claude = base_name(agent.command.front()) == "claude";
  agent.prepare_claude =
      config.prepare_claude.value_or(runs_claude ? config::Choice::yes : config::Choice::no);
  return agent;
}

confine::Domain choose_domain(std::span<const selftest::SocketWaiver> allowed_sockets) {
  const bool needs_abstract_sockets =
      std::ranges::any_of(allowed_sockets, &selftest::SocketWaiver::is_abstract);
  return needs_abstract_sockets ? confine::Domain::without_signals
                                : confine::Domain::without_abstract_sockets;
}

// The gate and the rules tell the agent's packets by its user.
Result<> check_user(const config::Config& config, const confine::Identity& identity,
                    const scope::Scope& scope) {
  if (!scope.holds_root && identity.uid == 0)
    return fail(
        Exit::configuration,
        config.given.at("scope").origin +
            ": user scope cannot tell a root agent from other root processes: name a user with --user");
  const auto has = [&identity](uint32_t number) {
    return identity.uid == number || identity.gid == number ||
           std::ranges::find(identity.groups, number) != identity.groups.end();
  };
  for (const keeper::HelperDescription& helper : helpers)
    if (has(helper.user))
      return fail(Exit::configuration, "the agent cannot run with the user or group " +
                                           std::to_string(helper.user) + ", which is the " + helper.name +
                                           "'s: choose another with --user");
  return {};
}

Result<Gate> plan_gate(const config::Config& config, const Machine& machine, Plan& plan) {
  Gate gate;
  gate.setup.resolve_timeout = config.resolve_timeout;
  auto servers = config.upstream ? TRY(parse_upstreams(*config.upstream)) : upstreams_of(machine.resolv_conf);
  gate.upstreams = TRY(usable_upstreams(std::move(servers), plan.warnings));
  gate.setup.encrypted_hello = config.encrypted_hello;
  gate.setup.rules = TRY(collect_rules(config, plan.telemetry));
  if (plan.relay) gate.setup.relayed = relayed_rules(*plan.relay, config.require_telemetry);
  TRY(check_user(config, plan.agent.identity, plan.enclosure.scope));
  return gate;
}

}  // namespace

std::vector<relay::AgentVariable> relay_variables(const Plan& plan) {
  std::vector<relay::AgentVariable> variables;
  if (!plan.relay) return variables;
  for (const relay::ForwardTerms& each : plan.relay->forwards)
    variables.insert(variables.end(), each.variables.begin(), each.variables.end());
  return variables;
}

bool has_managed_settings(const Plan& plan) {
  return plan.outputs.managed_settings == config::Choice::yes &&
         (plan.telemetry.on() != nullptr || !relay_variables(plan).empty());
}

std::span<const policy::Rule> rules_of(const Plan& plan) {
  return plan.gate ? std::span<const policy::Rule>(plan.gate->setup.rules) : std::span<const policy::Rule>();
}

std::span<const PlannedUpstream> servers_of(const Plan& plan) {
  return plan.gate ? std::span<const PlannedUpstream>(plan.gate->upstreams)
                   : std::span<const PlannedUpstream>();
}

std::vector<std::string> files_of(const Plan& plan) {
  std::vector<std::string> files;
  if (plan.telemetry.on() != nullptr) files.push_back(state::path_of(state::otel_env_name));
  files.push_back(state::path_of(state::session_name));
  files.push_back(state::path_of(state::status_name));
  if (has_managed_settings(plan)) files.push_back(claude::managed_settings_path());
  if (plan.agent.prepare_claude == config::Choice::yes)
    files.push_back(plan.agent.identity.home + "/.claude.json");
  return files;
}

Result<Plan> make_plan(const config::Config& config, std::vector<std::string> command, Machine machine) {
  const auto variable = [&config](std::string_view name) { return config.environment.get(name); };
  Plan plan;
  plan.settings = config.given;
  plan.telemetry = TRY(telemetry::plan_telemetry(config, platform::detect(variable, machine.facts)));
  TRY(require_telemetry(config, plan.telemetry));
  plan.relay = plan_relay(plan.telemetry, config.audit_otlp, TRY(find_forwards(config)));
  if (plan.relay && !plan.relay->setup.collectors.empty()) plan.relay->spool_directory = config.relay_spool;
  plan.agent = plan_agent(config, std::move(command), machine, plan.telemetry, relay_variables(plan));
  plan.enclosure = TRY(plan_enclosure(config, machine));
  if (machine.supports_domains) plan.agent.identity.domain = choose_domain(plan.enclosure.allowed_sockets);
  plan.outputs = TRY(plan_outputs(config, machine.files_at_end));
  if (config.gate == config::GateSwitch::on) plan.gate = TRY(plan_gate(config, machine, plan));
  add_warnings(plan, config);
  add_network_warnings(plan, config, machine.facts.known_hosts);
  if (plan.gate) complete_gate(plan, machine.reach);
  return plan;
}

}  // namespace ostiary::plan
