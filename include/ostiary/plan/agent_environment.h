// plan/agent_environment.h: makes the environments of the agent and of the auth hook.
// - The container's variables stay, byte for byte and in their order, except ostiary's own settings
//   and secrets, and the variables that telemetry withholds.
// - Added are the variables of a login, the secrets to sign in with, and telemetry's variables.
// - Beside a relay of the API neither has a secret to sign in with. Both get what the relay serves instead.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ostiary/config/config.h"
#include "ostiary/confine/identity.h"
#include "ostiary/link/forward.h"
#include "ostiary/telemetry/telemetry.h"

namespace ostiary::plan {

struct AgentEnvironment {
  config::Environment agent;
  config::Environment auth_hook;     // the same without telemetry
  std::vector<std::string> removed;  // names the container has and the agent has not
};

AgentEnvironment make_agent_environment(const config::Config& config, const confine::Identity& identity,
                                        const telemetry::Telemetry& telemetry,
                                        std::span<const relay::AgentVariable> relay_variables = {});

}  // namespace ostiary::plan
