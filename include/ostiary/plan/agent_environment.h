// plan/agent_environment.h: what of the container's environment reaches the agent, and what is added.
// The container's, byte for byte and in its order, without the secrets and controls that are ours and without
// what telemetry withholds; then who the agent is, the secrets it signs in with, and telemetry's variables.
#pragma once

#include <string>
#include <vector>

#include "ostiary/config/config.h"
#include "ostiary/confine/identity.h"
#include "ostiary/telemetry/telemetry.h"

namespace ostiary::plan {

struct AgentEnvironment {
  config::Environment agent;
  config::Environment auth_hook;     // the same without telemetry
  std::vector<std::string> removed;  // names the container has and the agent has not
};

AgentEnvironment make_agent_environment(const config::Config& config, const confine::Identity& identity,
                                        const telemetry::Telemetry& telemetry);

}  // namespace ostiary::plan
