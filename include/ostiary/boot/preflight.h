// boot/preflight.h: finds, before the network changes, errors that would otherwise appear when the
// program starts. Doubtful cases pass.
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
