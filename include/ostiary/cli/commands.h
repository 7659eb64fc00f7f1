// cli/commands.h: executes a subcommand.
#pragma once

#include <span>

#include "ostiary/base/result.h"
#include "ostiary/cli/command_line.h"
#include "ostiary/keeper/helper.h"

namespace ostiary::cli {

// Returns the exit status. Requires a program for each helper of plan::helpers.
Result<int> execute(Invocation invocation, char** environ, std::span<const keeper::HelperProgram> programs);

}  // namespace ostiary::cli
