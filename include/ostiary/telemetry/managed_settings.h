// telemetry/managed_settings.h: the part of telemetry's variables that is no secret, as Claude Code's managed
// settings. They win over a project's own settings, so that these cannot send telemetry elsewhere: each
// signal's endpoint and protocol is named by itself, and what would lead around them is set to nothing.
#pragma once

#include <string>

#include "ostiary/telemetry/telemetry.h"

namespace ostiary::telemetry {

std::string render_managed_settings(const Telemetry& telemetry);

}  // namespace ostiary::telemetry
