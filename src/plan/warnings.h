// plan/warnings.h: what a plan that is in order should still tell the operator. Pure.
#pragma once

#include "ostiary/plan/plan.h"

namespace ostiary::plan {

// Behind those that are there.
void add_warnings(Plan& plan, const config::Config& config);

}  // namespace ostiary::plan
