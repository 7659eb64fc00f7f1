// boot/end.h: the end of a boot: of the agent's processes, the gate, resolv.conf and the rules.
// - A failed step does not stop the next ones.
// - The session is removed first: after that none can join, and the rules can be judged.
// - The agent's processes are asked to end before the helpers end, so that their last exports get out. The relay
//   delivers those, for at most --grace. What is left is killed after the helpers, when every child that the
//   kernel counts is one of the agent's.
#pragma once

#include "boot_state.h"
#include "ostiary/plan/plan.h"

namespace ostiary::boot {

// `status`: of the boot, or the error that ended it.
Result<> end(const plan::Enclosure& enclosure, const plan::Agent& agent, BootState& state,
             const Result<int>& status);

}  // namespace ostiary::boot
