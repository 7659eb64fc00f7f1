// plan/helpers.h: every kind of helper that the keeper starts.
// - main() has the gate's program, and calls it if it is started under its process name. The relay has a file of
//   its own.
// - No agent may have the user of a helper.
#pragma once

#include <array>

#include "ostiary/keeper/helper.h"
#include "ostiary/link/gate.h"
#include "ostiary/link/relay.h"

namespace ostiary::plan {

inline constexpr std::array helpers{gate::description, relay::description};

}  // namespace ostiary::plan
