#include "boot/plan_warnings.h"

#include <algorithm>
#include <array>

#include "ostiary/policy/warnings.h"

namespace ostiary::boot {
namespace {

// What a platform puts into a container's environment so that a process there can get its credentials: GitHub
// Actions, GitLab, AWS containers and pods, Azure, Google. A name that ends in _ stands for all it begins.
constexpr auto credentials = std::to_array<std::string_view>({
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_RUNTIME_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_FEDERATED_TOKEN_FILE",
    "CI_JOB_JWT",
    "CI_JOB_JWT_V2",
    "CI_JOB_TOKEN",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "MSI_ENDPOINT",
    "MSI_SECRET",
});

bool gives_credentials(std::string_view name) {
  return std::ranges::any_of(credentials, [name](std::string_view each) {
    return each.ends_with('_') ? name.starts_with(each) : name == each;
  });
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void warn_of_credentials(Plan& plan) {
  std::vector<std::string> names;
  for (const std::string& entry : plan.environment.agent.entries()) {
    const std::string_view name = config::name_of(entry);
    if (gives_credentials(name) && entry.size() > name.size() + 1) names.emplace_back(name);
  }
  if (names.empty()) return;
  plan.warnings.push_back("the agent has the platform's credentials from the environment: " + joined(names) +
                          ": take out what it does not need");
}

void warn_of_telemetry(Plan& plan) {
  const telemetry::Telemetry& telemetry = plan.telemetry;
  if (telemetry.state == telemetry::State::incomplete)
    plan.warnings.push_back("telemetry is off: missing " + joined(telemetry.missing));
  plan.warnings.insert(plan.warnings.end(), telemetry.warnings.begin(), telemetry.warnings.end());
}

}  // namespace

void add_warnings(Plan& plan, const config::Config& config) {
  if (plan.gate == config::Gate::off)
    plan.warnings.emplace_back("the gate is off: the agent reaches whatever this container can reach");
  if (plan.identity.uid == 0 && !config.user)
    plan.warnings.emplace_back(
        "the agent runs as root, confined. It can replace programs that docker exec and ostiary exec run "
        "with the container's capabilities: name a user with --user");
  for (const selftest::SocketWaiver& waiver : plan.allowed_sockets)
    plan.warnings.push_back("the agent may connect to " + waiver.text() +
                            ": what its service does for the agent, no rule sees");
  warn_of_telemetry(plan);
  for (std::string& warning : policy::find_warnings(plan.rules)) plan.warnings.push_back(std::move(warning));
  warn_of_credentials(plan);
}

}  // namespace ostiary::boot
