// plan/helpers.h: every kind of helper that the keeper starts.
// - main() calls the helper's function if it is started under the helper's process name.
// - No agent may have the user of a helper.
#pragma once

#include <array>

#include "ostiary/gate/launch.h"
#include "ostiary/keeper/helper.h"

namespace ostiary::plan {

inline constexpr std::array<keeper::HelperDescription, 1> helpers{gate::description};

}  // namespace ostiary::plan
