#include "ostiary/boot/files.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "ostiary/base/read_file.h"
#include "ostiary/base/replace_file.h"
#include "ostiary/boot/session.h"
#include "ostiary/telemetry/env_file.h"
#include "ostiary/telemetry/managed_settings.h"

namespace ostiary::boot {
namespace {

constexpr mode_t for_root_alone = 0600;
constexpr mode_t for_all_to_read = 0644;

bool has_telemetry(const Plan& plan) {
  return plan.telemetry.state == telemetry::State::on;
}

bool has_managed_settings(const Plan& plan) {
  return has_telemetry(plan) && plan.managed_settings == config::Choice::yes;
}

std::string path(const char* directory, const char* name) {
  return std::string(directory) + "/" + name;
}

}  // namespace

std::vector<std::string> files_of(const Plan& plan) {
  std::vector<std::string> files;
  if (has_telemetry(plan)) files.push_back(path(state_directory, otel_env_name));
  files.push_back(path(state_directory, session_name));
  files.push_back(path(state_directory, status_name));
  if (has_managed_settings(plan)) files.push_back(path(managed_settings_directory, managed_settings_name));
  if (plan.prepare_claude == config::Choice::yes) files.push_back(plan.identity.home + "/.claude.json");
  return files;
}

Result<> remove_stale_files() {
  TRY(remove_file(state_directory, otel_env_name));
  TRY(remove_file(state_directory, status_name));
  return remove_session();
}

Result<> write_otel_env(const Plan& plan) {
  if (!has_telemetry(plan)) return {};
  std::vector<std::pair<std::string_view, std::string_view>> variables;
  for (const telemetry::Variable& variable : plan.telemetry.variables)
    variables.emplace_back(variable.name, variable.value.reveal());
  const Secret text = TRY(telemetry::render_env_file(variables));
  return replace_file(state_directory, otel_env_name, text.reveal(), for_root_alone);
}

Result<> write_session(const Plan& plan) {
  const std::string network =
      plan.gate == config::GateSwitch::on ? net::text(TRY(net::own_network())) : std::string();
  const Secret text = render_session(plan.identity, plan.workdir, network, plan.environment.agent.entries());
  return replace_file(state_directory, session_name, text.reveal(), for_root_alone);
}

Result<> write_managed_settings(const Plan& plan) {
  if (!has_managed_settings(plan)) return remove_file(managed_settings_directory, managed_settings_name);
  return replace_file(managed_settings_directory, managed_settings_name,
                      telemetry::render_managed_settings(plan.telemetry), for_all_to_read);
}

Result<> remove_session() {
  return remove_file(state_directory, session_name);
}

Result<> write_status(const Plan& plan, const Status& status) {
  std::vector<std::string> rules;
  for (const policy::Rule& rule : plan.rules) rules.push_back(text(rule));
  std::vector<std::string> inbound;
  for (const policy::Rule& rule : plan.inbound) inbound.push_back(text(rule));
  std::vector<std::string> sockets;
  for (const selftest::SocketWaiver& waiver : plan.allowed_sockets) sockets.push_back(waiver.text());
  const nlohmann::ordered_json json{{"gate", plan.gate == config::GateSwitch::on ? "on" : "off"},
                                    {"telemetry", text(plan.telemetry.state)},
                                    {"user", plan.identity.name},
                                    {"rules", std::move(rules)},
                                    {"inbound", std::move(inbound)},
                                    {"unresolved", status.unresolved},
                                    {"self_test", status.self_test},
                                    {"allowed_sockets", std::move(sockets)},
                                    {"scope", config::text(plan.scope)},
                                    {"tracking", status.tracking}};
  constexpr auto replace = nlohmann::ordered_json::error_handler_t::replace;
  return replace_file(state_directory, status_name, json.dump(2, ' ', false, replace) + "\n", for_root_alone);
}

}  // namespace ostiary::boot
