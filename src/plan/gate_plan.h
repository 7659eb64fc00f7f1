// plan/gate_plan.h: the part of the plan that the gate and the kernel carry out: the setup of the gate's
// process, the ruleset, and the targets of the self-test.
// Sends no packet, and resolves no name.
#pragma once

#include "ostiary/plan/plan.h"

namespace ostiary::plan {

// Completes plan.gate, which has the rules and the servers as named. Requires the agent and the enclosure.
// Warns of the servers that cannot be asked.
void complete_gate(Plan& plan, const net::Reachable& reach);

}  // namespace ostiary::plan
