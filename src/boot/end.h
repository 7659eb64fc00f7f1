// boot/end.h: the end of a boot: of the agent's processes, the gate, resolv.conf and the rules.
// - A failed step does not stop the next ones.
// - The session is removed first: after that none can join, and the rules can be judged.
// - The agent's processes are asked to end before the helpers end, so that their last exports get out. The relay
//   delivers those, for at most --grace. What is left is killed after the helpers, when every child that the
//   kernel counts is one of the agent's.
// - Where the files outlive the boot, otel.env is removed, which may hold the collector's token, and so are Claude
//   Code's managed settings, which lead every Claude Code of the machine to this boot's relay. The settings stay
//   while a process that they hold may be left.
#pragma once

#include "boot_state.h"
#include "ostiary/plan/plan.h"

namespace ostiary::boot {

// `status`: of the boot, or the error that ended it.
Result<> end(const plan::Plan& plan, BootState& state, const Result<int>& status);

}  // namespace ostiary::boot
