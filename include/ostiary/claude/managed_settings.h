// claude/managed_settings.h: writes Claude Code's managed settings, for telemetry and for the relay.
// - They hold only variables that are not secret.
// - They override the settings of a project, so a project cannot redirect telemetry. For this they
//   set the endpoint and protocol of each signal, and set every variable that could redirect it to
//   an empty value. Nor can it redirect what goes through the relay.
// - If traces are exported, they hold a hook that does nothing: it gives each session one trace.
#pragma once

#include <span>
#include <string>

#include "ostiary/base/result.h"
#include "ostiary/link/forward.h"
#include "ostiary/telemetry/telemetry.h"

namespace ostiary::claude {

std::string managed_settings_path();

// `telemetry` is nullptr unless it is on. `variables` are the relay's.
std::string render_managed_settings(const telemetry::On* telemetry,
                                    std::span<const relay::AgentVariable> variables = {});

Result<> write_managed_settings(const telemetry::On* telemetry,
                                std::span<const relay::AgentVariable> variables);
// Removes the settings that an earlier boot has written.
Result<> remove_managed_settings();

}  // namespace ostiary::claude
