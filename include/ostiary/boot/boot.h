// boot/boot.h: the two phases, and the agent's life.
// Phase 1 comes before the network is usable, phase 2 after the auth hook. An error is fatal, one
// line, and leaves no agent running. The network stays denied, except the machine's own with
// --in-place.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/plan/plan.h"

namespace ostiary::boot {

// The status to end with: the agent's own, or 128 + n where a signal ended it. Requires root.
Result<int> run(const plan::Plan& plan);

}  // namespace ostiary::boot
