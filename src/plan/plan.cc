#include "ostiary/plan/plan.h"

#include "ostiary/claude/managed_settings.h"
#include "ostiary/gate/launch.h"
#include "ostiary/platform/platform.h"
#include "ostiary/policy/parse.h"
#include "ostiary/state/files.h"
#include "rules.h"
#include "warnings.h"

namespace ostiary::plan {
namespace {

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::string_view cure_of(const telemetry::Telemetry& telemetry) {
  if (telemetry.state == telemetry::State::not_configured)
    return "set GRAFANA_INSTANCE_ID, GRAFANA_API_TOKEN and GRAFANA_OTLP_ENDPOINT, or "
           "OTEL_EXPORTER_OTLP_ENDPOINT";
  return telemetry.missing.empty() ? "switch it on" : "set what is missing";
}

Result<> require_telemetry(const config::Config& config, const telemetry::Telemetry& telemetry) {
  if (config.require_telemetry == config::Choice::no || telemetry.state == telemetry::State::on) return {};
  std::string reason(text(telemetry.state));
  if (!telemetry.reason.empty()) reason += " by " + telemetry.reason;
  for (const std::string& name : telemetry.missing) reason += ", missing " + name;
  return fail(Exit::configuration, config.given.at("require_telemetry").origin + ": telemetry is off (" +
                                       reason + "): " + std::string(cure_of(telemetry)) +
                                       ", or leave out require-telemetry");
}

Result<std::vector<policy::Rule>> parse_inbound(const config::Given& given) {
  auto rules = policy::parse_inbound(given.text, given.origin);
  if (!rules) return std::unexpected(std::move(rules).error().within(given.origin));
  return rules;
}

constexpr uint64_t mebibyte = 1U << 20U;
static_assert(config::setting_of("audit_limit").min * mebibyte >= audit::limits::least_octets);

Result<audit::Target> parse_audit(const config::Given& given) {
  auto target = audit::parse_target(given.text);
  if (!target) return std::unexpected(std::move(target).error().within(given.origin));
  return target;
}

Result<std::vector<selftest::SocketWaiver>> parse_allowed_sockets(const config::Given& given) {
  std::vector<selftest::SocketWaiver> waivers;
  for (std::string_view rest = given.text; !rest.empty();) {
    const size_t comma = std::min(rest.find(','), rest.size());
    auto waiver = selftest::SocketWaiver::parse(rest.substr(0, comma));
    if (!waiver) return std::unexpected(std::move(waiver).error().within(given.origin));
    waivers.push_back(std::move(*waiver));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return waivers;
}

Result<> plan_gate(const config::Config& config, const Machine& machine, Plan& plan) {
  plan.hold = config.hold;
  plan.resolve_timeout = config.resolve_timeout;
  plan.scope = config.scope;
  plan.in_place = config.in_place;
  plan.network = machine.network;
  // Others use the network, and go on using it.
  plan.rules_at_end = config.scope == config::Scope::user ? RulesAtEnd::removed : machine.rules_at_end;
  if (config.keep_rules)
    plan.rules_at_end = *config.keep_rules == config::Choice::yes ? RulesAtEnd::kept : RulesAtEnd::removed;
  if (config.gate == config::GateSwitch::on)
    plan.upstreams = TRY(usable_upstreams(
        config.upstream ? TRY(parse_upstreams(*config.upstream)) : upstreams_of(machine.resolv_conf),
        plan.warnings));
  if (config.allowed_sockets) plan.allowed_sockets = TRY(parse_allowed_sockets(*config.allowed_sockets));
  if (config.inbound) plan.inbound = TRY(parse_inbound(*config.inbound));
  if (config.audit) plan.audit = TRY(parse_audit(*config.audit));
  plan.audit_bound = audit::FileBound::share_of(static_cast<uint64_t>(config.audit_mebibytes) * mebibyte);
  if (config.gate == config::GateSwitch::on) plan.rules = TRY(collect_rules(config, plan.telemetry));
  if (config.gate == config::GateSwitch::on && config.scope == config::Scope::user && plan.identity.uid == 0)
    return fail(
        Exit::configuration,
        config.given.at("scope").origin +
            ": user scope cannot tell a root agent from other root processes: name a user with --user");
  if (config.gate == config::GateSwitch::on && plan.identity.uid == gate::user)
    return fail(Exit::configuration, "the agent cannot run as user " + std::to_string(gate::user) +
                                         ", which is the gate's: choose another with --user");
  return {};
}

std::string path(const char* directory, const char* name) {
  return std::string(directory) + "/" + name;
}

}  // namespace

bool has_managed_settings(const Plan& plan) {
  return plan.telemetry.state == telemetry::State::on && plan.managed_settings == config::Choice::yes;
}

std::vector<std::string> files_of(const Plan& plan) {
  std::vector<std::string> files;
  if (plan.telemetry.state == telemetry::State::on)
    files.push_back(path(state::state_directory, state::otel_env_name));
  files.push_back(path(state::state_directory, state::session_name));
  files.push_back(path(state::state_directory, state::status_name));
  if (has_managed_settings(plan))
    files.push_back(path(claude::managed_settings_directory, claude::managed_settings_name));
  if (plan.prepare_claude == config::Choice::yes) files.push_back(plan.identity.home + "/.claude.json");
  return files;
}

Result<Plan> make_plan(const config::Config& config, std::vector<std::string> command, Machine machine) {
  Plan plan;
  plan.settings = config.given;
  plan.command = std::move(command);
  if (plan.command.empty()) plan.command = {"claude"};
  plan.identity = std::move(machine.identity);
  plan.workdir = config.workdir;
  if (plan.workdir.empty()) plan.workdir = std::move(machine.current_directory);
  plan.gate = config.gate;
  plan.grace = config.grace;
  if (!config.auth_hook.empty()) plan.auth_hook = AuthHook{config.auth_hook, config.auth_hook_timeout};
  const bool runs_claude = base_name(plan.command.front()) == "claude";
  plan.prepare_claude =
      config.prepare_claude.value_or(runs_claude ? config::Choice::yes : config::Choice::no);
  plan.managed_settings = config.managed_settings;
  const auto variable = [&config](std::string_view name) { return config.environment.get(name); };
  plan.telemetry = TRY(telemetry::plan_telemetry(config, platform::detect(variable, machine.facts)));
  TRY(require_telemetry(config, plan.telemetry));
  TRY(plan_gate(config, machine, plan));
  plan.environment = make_agent_environment(config, plan.identity, plan.telemetry);
  add_warnings(plan, config);
  return plan;
}

}  // namespace ostiary::plan
