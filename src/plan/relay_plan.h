// plan/relay_plan.h: the part of the plan that the relay carries out. Pure.
#pragma once

#include <optional>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/claude/api.h"
#include "ostiary/config/config.h"
#include "ostiary/plan/plan.h"
#include "ostiary/policy/rule.h"
#include "ostiary/telemetry/telemetry.h"

namespace ostiary::plan {

// Nothing if the agent sends its requests to the API itself.
Result<std::optional<claude::Api>> find_api(const config::Config& config);

// Nothing if the agent sends its telemetry itself, and its requests to the API.
std::optional<Relay> plan_relay(const telemetry::Telemetry& telemetry, config::Choice sends_audit,
                                std::optional<claude::Api> api = {});

// One rule for each of the relay's servers, in its order: for the gate, which connects there. The agent may
// not.
std::vector<policy::Rule> relayed_rules(const Relay& relay, config::Choice required);

}  // namespace ostiary::plan
