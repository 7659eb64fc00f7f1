// boot/end.h: the end of a boot: of the agent's processes, the gate, resolv.conf and the rules.
// - Each step is done whatever became of the one before.
// - First no session can join any more, then it is decided whether the rules are removed.
// - The agent's processes are asked to end before the gate ends, so that their last exports get out. They are
//   killed after it, when every child that the kernel counts is one of theirs.
#pragma once

#include "boot_state.h"
#include "ostiary/plan/plan.h"

namespace ostiary::boot {

// `status`: of the boot, or the error that ended it.
Result<> end(const plan::Enclosure& enclosure, const confine::Identity& agent, BootState& state,
             const Result<int>& status);

}  // namespace ostiary::boot
