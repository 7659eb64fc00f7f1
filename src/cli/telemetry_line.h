// cli/telemetry_line.h: reads the command line of `ostiary telemetry`.
#pragma once

#include <span>
#include <string>

#include "ostiary/base/result.h"
#include "ostiary/cli/command_line.h"

namespace ostiary::cli {

// `arguments` begins behind the word "telemetry".
Result<Invocation> parse_telemetry(std::span<const std::string> arguments);

}  // namespace ostiary::cli
