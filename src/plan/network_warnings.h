// plan/network_warnings.h: what leads the agent's packets elsewhere than the operator of a valid plan
// expects. Pure.
#pragma once

#include <span>

#include "ostiary/plan/plan.h"

namespace ostiary::plan {

// Appends to plan.warnings: proxies, loopback, names of /etc/hosts, endpoints of telemetry.
void add_network_warnings(Plan& plan, const config::Config& config,
                          std::span<const platform::KnownHost> known_hosts);

}  // namespace ostiary::plan
