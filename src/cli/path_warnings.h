// cli/path_warnings.h: warns of paths that the operator names and the agent can change, so that
// they mean something else at the next boot. Reads the file system.
#pragma once

#include "ostiary/config/config.h"
#include "ostiary/plan/plan.h"

namespace ostiary::cli {

// Appends to plan.warnings.
void warn_of_paths(plan::Plan& plan, const config::Config& config);

}  // namespace ostiary::cli
