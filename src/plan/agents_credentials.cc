#include "agents_credentials.h"

#include <algorithm>
#include <array>

#include "ostiary/config/secrets.h"

namespace ostiary::plan {
namespace {

// Of the providers of Claude's models that the relay does not serve.
constexpr std::array<std::string_view, 6> of_providers{
    "ANTHROPIC_AWS_API_KEY",    "ANTHROPIC_FOUNDRY_API_KEY", "ANTHROPIC_FOUNDRY_AUTH_TOKEN",
    "AWS_BEARER_TOKEN_BEDROCK", "AWS_SECRET_ACCESS_KEY",     "AWS_SESSION_TOKEN"};

bool is_credential(std::string_view name) {
  const auto holds = [name](const auto& names) { return std::ranges::find(names, name) != names.end(); };
  return holds(config::agent_names) || holds(config::header_names) || holds(of_providers);
}

}  // namespace

std::vector<std::string> agents_credentials(const Plan& plan) {
  // A dummy of the relay's is none.
  const std::vector<relay::AgentVariable> dummies = relay_variables(plan);
  std::vector<std::string> names;
  for (const std::string_view entry : plan.agent.environment.agent.entries()) {
    const std::string_view name = config::name_of(entry);
    const bool is_empty = entry.size() == name.size() + 1;
    if (is_credential(name) && !is_empty &&
        std::ranges::find(dummies, name, &relay::AgentVariable::name) == dummies.end())
      names.emplace_back(name);
  }
  return names;
}

}  // namespace ostiary::plan
