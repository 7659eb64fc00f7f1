#include "agent_files.h"

#include <filesystem>

#include "ostiary/base/escape.h"
#include "ostiary/base/log.h"
#include "ostiary/base/text.h"
#include "ostiary/claude/managed_settings.h"
#include "ostiary/claude/prepare.h"
#include "ostiary/connect/settings_file.h"
#include "ostiary/net/network_namespace.h"

namespace ostiary::boot {

Result<> prepare_workdir(const plan::Agent& agent, const BootState& state) {
  return agent.prepare_claude == config::Choice::yes
             ? claude::make_workdir(agent.identity, agent.workdir, state.requests)
             : Result<>{};
}

Result<> write_session(const plan::Agent& agent, const std::optional<plan::Gate>& gate,
                       const state::Directory& directory) {
  const std::string network = gate ? net::text(TRY(net::own_network())) : std::string();
  return directory.write_session(agent.identity, agent.workdir, network, agent.environment.agent.entries());
}

namespace {

namespace fs = std::filesystem;

// Claude Code reads the files of the directory in their order, and takes the last value of a variable.
void warn_of_stronger_settings() {
  const auto layers = connect::read_managed_layers();
  if (!layers) return log::warn("other managed settings may redirect telemetry: " + layers.error().message);
  const std::string own = claude::managed_settings_path();
  std::vector<std::string> stronger;
  for (const std::string& path : connect::routing_layers(*layers))
    if (fs::path(path).parent_path() == fs::path(own).parent_path() && path > own) stronger.push_back(path);
  if (!stronger.empty())
    log::warn(escape_controls(join(stronger, ", ")) + " says where telemetry is sent, and wins over " + own +
              ": remove its OTEL_ variables, or give it a name before " + fs::path(own).filename().string());
}

}  // namespace

void write_managed_settings(const plan::Plan& plan) {
  const Result<> written = has_managed_settings(plan)
                               ? claude::write_managed_settings(plan.telemetry.on(), relay_variables(plan))
                               : claude::remove_managed_settings();
  if (!written)
    log::warn("no managed settings, so a project's settings can redirect telemetry: " +
              written.error().message);
  else if (has_managed_settings(plan) && plan.telemetry.on() != nullptr)
    warn_of_stronger_settings();
}

void prepare_claude(const plan::Agent& agent, const BootState& state) {
  if (agent.prepare_claude == config::Choice::no) return;
  const claude::FirstAnswers answers{.directory = agent.workdir,
                                     .api_key = agent.environment.agent.get("ANTHROPIC_API_KEY")};
  const Result<> written = claude::write_first_answers(agent.identity, answers, state.requests);
  if (!written) log::warn(written.error().message);
}

void add_plan(state::Status& status, const plan::Plan& plan) {
  status.gate = plan.gate ? "on" : "off";
  status.telemetry = text(plan.telemetry.state);
  status.user = plan.agent.identity.name;
  for (const policy::Rule& rule : plan::rules_of(plan)) status.rules.push_back(text(rule));
  if (plan.gate)
    for (const policy::Rule& rule : plan.gate->setup.relayed) status.relayed.push_back(text(rule));
  for (const policy::Rule& rule : plan.enclosure.inbound) status.inbound.push_back(text(rule));
  for (const selftest::SocketWaiver& waiver : plan.enclosure.allowed_sockets)
    status.allowed_sockets.push_back(waiver.text());
  status.scope = plan.enclosure.scope.name;
}

}  // namespace ostiary::boot
