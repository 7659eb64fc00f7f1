// plan/relay_plan.h: the part of the plan that the relay carries out. Pure.
#pragma once

#include <optional>
#include <vector>

#include "ostiary/config/config.h"
#include "ostiary/link/forward.h"
#include "ostiary/plan/plan.h"
#include "ostiary/policy/rule.h"
#include "ostiary/telemetry/telemetry.h"

namespace ostiary::plan {

// Nothing if the agent sends all telemetry and requests itself.
std::optional<Relay> plan_relay(const telemetry::Telemetry& telemetry, config::Choice sends_audit,
                                std::vector<relay::Forward> forwards = {});

// One rule for each of the relay's servers, in its order: for the gate, which connects there. The agent may
// not.
std::vector<policy::Rule> relayed_rules(const Relay& relay, config::Choice required);

}  // namespace ostiary::plan
