#include "ostiary/claude/managed_settings.h"

#include <algorithm>

#include "ostiary/base/json.h"
#include "ostiary/base/replace_file.h"

namespace ostiary::claude {
namespace {

constexpr const char* directory = "/etc/claude-code/managed-settings.d";
constexpr const char* file_name = "50-ostiary.json";
constexpr mode_t for_all_to_read = 0644;

Json environment_of(const telemetry::On& telemetry) {
  Json env = Json::object();
  for (const telemetry::Route& route : telemetry.routes) {
    const auto [protocol, endpoint] = telemetry::agents_target(telemetry, route);
    env[telemetry::otlp_variable(route.signal, "ENDPOINT")] = text(endpoint);
    env[telemetry::otlp_variable(route.signal, "PROTOCOL")] = text(protocol);
  }
  for (const telemetry::Variable& variable : telemetry.variables)
    if (variable.secrecy == telemetry::Secrecy::open) env[variable.name] = variable.value.reveal();
  for (const std::string& name : telemetry.detours) env[name] = "";
  return env;
}

bool exports_traces(const telemetry::On& telemetry) {
  return std::ranges::find(telemetry.routes, telemetry::Signal::traces, &telemetry::Route::signal) !=
         telemetry.routes.end();
}

// Claude Code starts its tracing while the hook runs. Then one run of `claude -p` is one trace, and its events have the
// trace's id. Otherwise each request and each tool is a trace of its own.
Json hooks_for_one_trace() {
  const Json hook{{"type", "command"}, {"command", "sleep 0.2"}};
  return {{"SessionStart", Json::array({Json{{"hooks", Json::array({hook})}}})}};
}

}  // namespace

std::string managed_settings_path() {
  return std::string(directory) + "/" + file_name;
}

std::string render_managed_settings(const telemetry::On* telemetry,
                                    std::span<const relay::AgentVariable> variables) {
  Json settings = Json::object();
  settings["env"] = telemetry != nullptr ? environment_of(*telemetry) : Json::object();
  for (const relay::AgentVariable& each : variables)
    if (each.place == relay::AgentVariable::Place::managed_settings_too)
      settings["env"][each.name] = each.value;
  if (telemetry != nullptr) settings["otelHeadersHelper"] = "";
  if (telemetry != nullptr && exports_traces(*telemetry)) settings["hooks"] = hooks_for_one_trace();
  return settings.indented() + "\n";
}

Result<> write_managed_settings(const telemetry::On* telemetry,
                                std::span<const relay::AgentVariable> variables) {
  return replace_file(directory, file_name, render_managed_settings(telemetry, variables), for_all_to_read);
}

Result<> remove_managed_settings() {
  return remove_file(directory, file_name);
}

}  // namespace ostiary::claude
