// telemetry/road.h: whether telemetry goes through the relay, and what the agent then sets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/config/config.h"
#include "ostiary/telemetry/telemetry.h"

namespace ostiary::telemetry {

// Sets on.road, and what the relay needs. Requires on.routes. Warns if a credential is left with the agent.
Result<> choose_road(const config::Config& config, On& on, std::vector<std::string>& warnings);

// Variables of OTLP that only whoever connects to the collector needs: not the agent, beside a relay.
bool is_of_connection(std::string_view name);

// Variables with which a setting of the agent could spoil what it sends to the relay.
std::vector<std::string> relay_detours();

}  // namespace ostiary::telemetry
