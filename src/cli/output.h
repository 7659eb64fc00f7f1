// cli/output.h: what a command prints on standard output.
#pragma once

#include <string_view>

#include "ostiary/base/result.h"

namespace ostiary::cli {

// Returns 0, the exit status of success.
Result<int> print(std::string_view text);

}  // namespace ostiary::cli
