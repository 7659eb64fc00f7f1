// plan/rules.h: every rule of the plan, each with its reason: what the user wrote, where telemetry goes, and
// what the session's own variables imply.
#pragma once

#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/config/config.h"
#include "ostiary/policy/presets.h"
#include "ostiary/policy/rule.h"
#include "ostiary/telemetry/telemetry.h"

namespace ostiary::plan {

// The operator named the host, so it may have a private address: collectors often have.
policy::Rule telemetry_rule(const inet::Destination& destination, std::string_view signals,
                            config::Choice required);

// What the session's variables say, the secrets that came from files among them. The configuration must
// outlive it.
policy::Lookup lookup_in(const config::Config& config);

Result<std::vector<policy::Rule>> collect_rules(const config::Config& config,
                                                const telemetry::Telemetry& telemetry);

}  // namespace ostiary::plan
