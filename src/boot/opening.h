// boot/opening.h: the part of phase 1 that needs a gate. After it the agent reaches what the plan opens, and
// nothing else.
#pragma once

#include "boot_state.h"
#include "ostiary/plan/plan.h"

namespace ostiary::boot {

// Neither changes the system. The second checks the scope's preconditions, and whether processes of an earlier boot
// may be here.
Result<> check_open_files();
Result<> check_network(const plan::Enclosure& enclosure, const confine::Identity& agent, BootState& state);

// The steps, in this order:
// 1. Load the rules, which deny everything.
// 2. Start the gate. It resolves the plan's names and admits their addresses.
// 3. Point resolv.conf at the gate.
// 4. Run the self-test.
// Requires the plan's gate. Returns early if a signal asks the boot to end.
Result<> open_gate(const plan::Plan& plan, BootState& state);

}  // namespace ostiary::boot
