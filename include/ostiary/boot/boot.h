// boot/boot.h: the two phases, and the agent's life.
// Phase 1 comes before the network is usable, phase 2 after the auth hook. An error is fatal, one
// line, and leaves no agent running. The network stays denied, except the machine's own with
// --in-place.
#pragma once

#include <span>

#include "ostiary/base/result.h"
#include "ostiary/keeper/helper.h"
#include "ostiary/plan/plan.h"

namespace ostiary::boot {

// The status to end with: the agent's own, or 128 + n where a signal ended it. Requires root, and a program
// for each helper of plan::helpers.
Result<int> run(const plan::Plan& plan, std::span<const keeper::HelperProgram> programs);

}  // namespace ostiary::boot
