// plan/helpers.h: every kind of helper that the keeper starts.
// - main() has a program for each, and calls it if it is started under the helper's process name.
// - No agent may have the user of a helper.
#pragma once

#include <array>

#include "ostiary/keeper/helper.h"
#include "ostiary/link/gate.h"

namespace ostiary::plan {

inline constexpr std::array<keeper::HelperDescription, 1> helpers{gate::description};

}  // namespace ostiary::plan
