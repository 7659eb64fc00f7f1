#include "ostiary/plan/agent_environment.h"

#include <algorithm>
#include <array>
#include <utility>

#include "ostiary/config/secrets.h"

namespace ostiary::plan {
namespace {

using config::Environment;
using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;

// NAME_FILE of a secret that may come that way: the file has been read, so the agent does not need it.
bool is_secret_file(std::string_view name) {
  constexpr std::string_view suffix = "_FILE";
  if (!name.ends_with(suffix)) return false;
  const std::string_view secret = name.substr(0, name.size() - suffix.size());
  const auto holds = [secret](const auto& names) { return std::ranges::find(names, secret) != names.end(); };
  return holds(config::grafana_names) || holds(config::header_names) || holds(config::agent_names);
}

// The secret of a relay of the policy's, or the variable that names its file.
bool is_of_relay(std::string_view name, const config::Config& config) {
  return std::ranges::any_of(config.relays, [&](const config::RelayEntry& each) {
    return name == each.secret || name == each.secret + "_FILE";
  });
}

bool is_ours(std::string_view name, const config::Config& config) {
  return name.starts_with("OSTIARY_") || is_secret_file(name) || is_of_relay(name, config) ||
         std::ranges::find(config::grafana_names, name) != config::grafana_names.end();
}

// As a login would set them. Without --user, the container's values stay.
Pairs login_variables(const config::Config& config, const confine::Identity& identity) {
  Pairs all{{"HOME", identity.home},
            {"USER", identity.name},
            {"LOGNAME", identity.name},
            {"SHELL", identity.shell}};
  if (config.user) return all;
  Pairs unset;
  std::ranges::copy_if(all, std::back_inserter(unset),
                       [&](const auto& pair) { return config.environment.get(pair.first).empty(); });
  return unset;
}

bool is_of_sign_in(std::string_view name) {
  return std::ranges::find(config::agent_names, name) != config::agent_names.end();
}

Pairs sign_in_variables(const config::Config& config) {
  Pairs variables;
  if (config.api_relay == config::Choice::yes) return variables;
  for (const std::string_view name : config::agent_names)
    if (const auto found = config.secrets.find(name); found != config.secrets.end())
      variables.emplace_back(name, found->second.value.reveal());
  return variables;
}

Pairs telemetry_variables(const telemetry::Telemetry& telemetry) {
  Pairs variables;
  for (const telemetry::Variable& variable : telemetry.variables())
    variables.emplace_back(variable.name, variable.value.reveal());
  return variables;
}

void set(Environment& environment, const Pairs& variables) {
  for (const auto& [name, value] : variables) environment.set(name, value);
}

bool is_telemetry_variable(std::string_view name, const telemetry::Telemetry& telemetry) {
  return std::ranges::find(telemetry.withheld, name) != telemetry.withheld.end() ||
         std::ranges::find(telemetry.variables(), name, &telemetry::Variable::name) !=
             telemetry.variables().end();
}

std::vector<std::string> find_removed(std::span<const std::string> container,
                                      std::span<const std::string> agent) {
  std::vector<std::string> removed;
  for (const std::string& entry : container) {
    const std::string_view name = config::name_of(entry);
    const bool kept = std::ranges::find(agent, name, config::name_of) != agent.end();
    if (!kept && std::ranges::find(removed, name) == removed.end()) removed.emplace_back(name);
  }
  return removed;
}

}  // namespace

AgentEnvironment make_agent_environment(const config::Config& config, const confine::Identity& identity,
                                        const telemetry::Telemetry& telemetry,
                                        std::span<const relay::AgentVariable> relay_variables) {
  const auto unwanted = [&](std::string_view name) {
    const bool is_relays = config.api_relay == config::Choice::yes && is_of_sign_in(name);
    return is_ours(name, config) || is_telemetry_variable(name, telemetry) || is_relays;
  };
  Environment hook = config.environment.without(unwanted);
  set(hook, login_variables(config, identity));
  set(hook, sign_in_variables(config));
  for (const relay::AgentVariable& each : relay_variables) hook.set(each.name, each.value);
  Environment agent = hook.without([](std::string_view) { return false; });
  set(agent, telemetry_variables(telemetry));

  AgentEnvironment environment;
  environment.removed = find_removed(config.environment.entries(), agent.entries());
  environment.agent = std::move(agent);
  environment.auth_hook = std::move(hook);
  return environment;
}

}  // namespace ostiary::plan
