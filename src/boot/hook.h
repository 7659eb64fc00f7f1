// boot/hook.h: the auth hook, between the phases. It runs as the agent, confined, without the variables of
// telemetry.
#pragma once

#include <optional>

#include "boot_state.h"
#include "ostiary/plan/plan.h"

namespace ostiary::boot {

// Runs the hook, if there is one. Empty to continue, or the status to end with because a signal asked for it.
// An error if the hook failed or did not end in time.
Result<std::optional<int>> run_auth_hook(const plan::Agent& agent, BootState& state);

}  // namespace ostiary::boot
