// plan/print.h: a plan for people, and for programs (docs/plan.md). No secret is in either.
#pragma once

#include <string>

#include "ostiary/plan/plan.h"

namespace ostiary::plan {

std::string plan_as_text(const Plan& plan);
std::string plan_as_json(const Plan& plan);

}  // namespace ostiary::plan
