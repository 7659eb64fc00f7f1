// plan/warnings.h: what the operator of a valid plan should know. Pure.
#pragma once

#include "ostiary/plan/plan.h"

namespace ostiary::plan {

// Appends to plan.warnings.
void add_warnings(Plan& plan, const config::Config& config);

}  // namespace ostiary::plan
