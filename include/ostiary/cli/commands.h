// cli/commands.h: executes a subcommand.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/cli/command_line.h"

namespace ostiary::cli {

// Returns the exit status.
Result<int> execute(Invocation invocation, char** environ);

}  // namespace ostiary::cli
