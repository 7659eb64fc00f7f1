// plan/forwards.h: the servers to which the relay forwards requests of the agent: the API's and the policy's. Pure.
#pragma once

#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/config/config.h"
#include "ostiary/link/forward.h"

namespace ostiary::plan {

// An error if the relay cannot serve one of them.
Result<std::vector<relay::Forward>> find_forwards(const config::Config& config);

}  // namespace ostiary::plan
