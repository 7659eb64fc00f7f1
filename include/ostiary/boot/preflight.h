// boot/preflight.h: ends the boot, before the network changes, if the work directory, the auth hook
// or the program is certain to be missing when the boot needs it.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/plan/plan.h"

namespace ostiary::boot {

Result<> preflight(const plan::Agent& agent);

// The part about the agent's program alone.
Result<> look_for_program(const plan::Agent& agent);
// In `path`, as PATH is written, from `directory`.
Result<> look_for_program(std::string_view name, std::string_view path, std::string_view directory);

}  // namespace ostiary::boot
