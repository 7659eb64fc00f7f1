// plan/print.h: a plan for people, and for programs (docs/plan.md). No secret is in either.
#pragma once

#include <optional>
#include <string>

#include "ostiary/nft/ruleset.h"
#include "ostiary/plan/plan.h"

namespace ostiary::plan {

std::string plan_as_text(const Plan& plan);
// `ruleset`: what the boot would load, nothing if the gate is off; or the error that would end it before.
std::string plan_as_json(const Plan& plan, const Result<std::optional<nft::Ruleset>>& ruleset);

}  // namespace ostiary::plan
