// plan/agents_credentials.h: the credentials that the agent has itself, which every process of it can read.
#pragma once

#include <string>
#include <vector>

#include "ostiary/plan/plan.h"

namespace ostiary::plan {

// The names of the variables.
std::vector<std::string> agents_credentials(const Plan& plan);

}  // namespace ostiary::plan
