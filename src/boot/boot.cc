#include "ostiary/boot/boot.h"

#include <optional>
#include <span>
#include <string>
#include <utility>

#include <signal.h>
#include <unistd.h>

#include "agent_files.h"
#include "boot_state.h"
#include "end.h"
#include "hook.h"
#include "opening.h"
#include "ostiary/base/log.h"
#include "ostiary/boot/preflight.h"
#include "version.h"

namespace ostiary::boot {
namespace {

using keeper::Ending;
using keeper::Outcome;
using plan::Plan;

void log_telemetry(const telemetry::Telemetry& telemetry) {
  if (std::holds_alternative<telemetry::NotConfigured>(telemetry.state))
    log::info("phase 1: telemetry is off: nothing names a collector");
  if (const auto* off = std::get_if<telemetry::SwitchedOff>(&telemetry.state))
    log::info("phase 1: telemetry is switched off by " + off->reason);
  const bool is_relayed = telemetry.on() != nullptr && telemetry.on()->road == telemetry::Road::relay;
  for (const telemetry::Route& route : telemetry.routes())
    log::info("phase 1: " + std::string(text(route.signal)) + " go to " + text(route.endpoint) + " over " +
              std::string(text(route.protocol)) + (is_relayed ? ", through the relay" : "") + " (" +
              std::string(config::text(telemetry.source())) + ")");
}

void log_relay(const std::optional<plan::Relay>& relay) {
  if (!relay) return;
  for (const relay::ForwardSetup& each : relay->setup.forwards)
    log::info("phase 1: the relay takes requests to " + each.name +
              " at 127.0.0.1:" + std::to_string(each.port) + ", for " + each.authority);
  if (!relay->spool_directory.empty())
    log::info("phase 1: telemetry that is not yet delivered is kept in " + relay->spool_directory);
}

void log_content(std::span<const telemetry::Variable> variables) {
  std::string content;
  for (const telemetry::Variable& variable : variables)
    if (variable.name.starts_with("OTEL_LOG_"))
      content += (content.empty() ? "" : ", ") + variable.name + "=" + std::string(variable.value.reveal());
  if (!content.empty()) log::info("phase 2: content: " + content);
}

void record_phase_1(const Plan& plan, BootState& state) {
  audit::Phase done{.number = audit::Phase::Number::first,
                    .what = plan.gate ? "everything is denied but what the plan opens" : "the gate is off",
                    .took = state.lap()};
  if (plan.gate)
    done.names = {.resolved = state.resolution.resolved,
                  .unresolved = state.resolution.unopened.size(),
                  .addresses = state.resolution.admitted.size()};
  state.audit.record(done);
}

void record_phase_2(BootState& state) {
  state.audit.record(audit::Phase{
      .number = audit::Phase::Number::second, .what = "the agent's files are written", .took = state.lap()});
}

Result<> phase_1(const Plan& plan, BootState& state) {
  for (const std::string& warning : plan.warnings) log::warn(warning);
  log_telemetry(plan.telemetry);
  log_relay(plan.relay);
  TRY(preflight(plan.agent));
  if (plan.gate) TRY(check_network(plan.enclosure, plan.agent.identity, state));
  TRY(state.directory.remove_stale_files());
  if (plan.gate) TRY(open_gate(plan, state));
  if (TRY(is_asked_to_end(state))) return {};
  record_phase_1(plan, state);
  return {};
}

Result<> phase_2(const Plan& plan, BootState& state) {
  if (const auto* on = plan.telemetry.on()) TRY(state.directory.write_otel_env(on->variables));
  TRY(write_session(plan.agent, plan.gate, state.directory));
  add_plan(state.status, plan);
  TRY(state.directory.write_status(state.status));
  write_managed_settings(plan);
  prepare_claude(plan.agent, state);
  log_content(plan.telemetry.variables());
  return {};
}

Result<int> run_agent(const plan::Agent& agent, BootState& state) {
  log::info("phase 2: " + agent.command.front() + " starts as " + agent.identity.name + " in " +
            agent.workdir);
  const Outcome outcome = TRY(
      state.supervisor.run(agent.identity, command_of(agent.command, agent.environment.agent, agent.workdir),
                           {.grace = agent.grace, .time_limit = {}}));
  state.how_it_ended = "the agent " + describe(outcome.wait_status);
  if (outcome.ending == Ending::asked_to_end)
    state.how_it_ended += ", after " + name_of(outcome.asked_with) + " from outside";
  return keeper::exit_status(outcome.wait_status);
}

Result<int> run_phases(const Plan& plan, BootState& state) {
  TRY(phase_1(plan, state));
  if (TRY(is_asked_to_end(state))) return 128 + *state.asked_with;
  TRY(prepare_workdir(plan.agent, state));
  if (TRY(is_asked_to_end(state))) return 128 + *state.asked_with;
  if (const auto status = TRY(run_auth_hook(plan.agent, state))) return *status;
  (void)state.lap();  // the hook's time belongs to no phase
  TRY(phase_2(plan, state));
  if (TRY(is_asked_to_end(state))) return 128 + *state.asked_with;
  record_phase_2(state);
  return run_agent(plan.agent, state);
}

}  // namespace

Result<int> run(const Plan& plan, std::span<const keeper::HelperProgram> programs) {
  if (::geteuid() != 0)
    return fail(
        Exit::not_permitted,
        "run needs root, to confine the agent: start the container as root and name the agent's user with "
        "--user");
  if (plan.gate) TRY(check_open_files());
  auto directory = TRY(state::Directory::claim());
  auto audit = TRY(AuditTrail::open(plan.outputs));
  if (plan.relay && plan.relay->setup.own_events == relay::OwnEvents::sent) TRY(audit.copy_to_relay());
  auto supervisor = TRY(keeper::Supervisor::create());
  auto requests = TRY(event::Signals::only({SIGTERM, SIGINT}));
  BootState state{.directory = std::move(directory),
                  .audit = std::move(audit),
                  .supervisor = std::move(supervisor),
                  .requests = std::move(requests),
                  .programs = programs};
  state.audit.record(audit::Boot{.version = program_version,
                                 .process = static_cast<uint32_t>(::getpid()),
                                 .gate = plan.gate ? audit::GateSwitch::on : audit::GateSwitch::off,
                                 .user = plan.agent.identity.name,
                                 .command = plan.agent.command.front()});
  Result<int> status = run_phases(plan, state);
  if (const Result<> ended = end(plan, state, status); !ended) {
    if (status)
      status = std::unexpected(ended.error());
    else
      log::warn(ended.error().message);
  }
  state.audit.record(audit::Exited{
      .status = static_cast<uint8_t>(status ? *status : static_cast<int>(status.error().exit)),
      .reason = status ? std::string_view(state.how_it_ended) : std::string_view(status.error().message)});
  return status;
}

}  // namespace ostiary::boot
