// cli/standard_input.h: a secret from standard input.
// - A terminal does not show what is typed, and shows it again afterwards, also if a signal ends the program.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"

namespace ostiary::cli {

inline constexpr size_t max_input_octets = 65536;

// Up to its end; at a terminal one line.
Result<Secret> read_standard_input();

}  // namespace ostiary::cli
