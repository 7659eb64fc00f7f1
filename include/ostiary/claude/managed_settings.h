// claude/managed_settings.h: the part of telemetry's variables that is no secret, as Claude Code's managed
// settings. They win over a project's own settings, so that these cannot send telemetry elsewhere: each
// signal's endpoint and protocol is named by itself, and what would lead around them is set to nothing.
#pragma once

#include <string>

#include "ostiary/base/result.h"
#include "ostiary/telemetry/telemetry.h"

namespace ostiary::claude {

inline constexpr const char* managed_settings_directory = "/etc/claude-code/managed-settings.d";
inline constexpr const char* managed_settings_name = "50-ostiary.json";

std::string render_managed_settings(const telemetry::Telemetry& telemetry);

Result<> write_managed_settings(const telemetry::Telemetry& telemetry);
// Those of an earlier boot.
Result<> remove_managed_settings();

}  // namespace ostiary::claude
