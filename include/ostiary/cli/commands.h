// cli/commands.h: each subcommand, from its invocation to the status the program ends with.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/cli/command_line.h"

namespace ostiary::cli {

Result<int> execute(Invocation invocation, char** environ);

}  // namespace ostiary::cli
