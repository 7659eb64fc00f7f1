// cli/telemetry_commands.h: executes the commands of `ostiary telemetry`.
#pragma once

#include <string>

#include "ostiary/base/result.h"
#include "ostiary/cli/command_line.h"
#include "ostiary/config/environment.h"

namespace ostiary::cli {

// A new value of connect::marker_attribute.
Result<std::string> make_marker();

// Each returns the exit status.
Result<int> execute_connect(ConnectTelemetry command, const config::Environment& environment);
Result<int> execute_check(const CheckTelemetry& command, const config::Environment& environment,
                          const std::string& marker);
Result<int> execute_local(LocalTelemetry command, char** environ);
Result<int> execute_undo(const UndoTelemetry& command, const config::Environment& environment);

}  // namespace ostiary::cli
