// claude/api.h: the API of a session, as one of the servers to which the relay forwards requests: the operator's
// credential, and what the agent gets in place of it. Pure.
// - The agent gets a dummy of the same form, in the same variable. The relay replaces it.
// - No error contains the credential.
#pragma once

#include <cstdint>

#include "ostiary/base/result.h"
#include "ostiary/link/forward.h"
#include "ostiary/policy/presets.h"

namespace ostiary::claude {

// On 127.0.0.1, next to telemetry's.
inline constexpr uint16_t api_port = 15355;

// `variable` also finds secrets that come from files.
Result<relay::Forward> find_api(const policy::Lookup& variable);

}  // namespace ostiary::claude
