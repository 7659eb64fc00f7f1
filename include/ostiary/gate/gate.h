// gate/gate.h: the main function of the gate's process.
#pragma once

#include "ostiary/base/result.h"

namespace ostiary::gate {

// Serves until the keeper's end of the channel closes. Returns the exit status.
// - Requires that the keeper has started the process as a helper (link/gate.h).
// - Confines the process before it reads a byte from the agent.
Result<int> run();

}  // namespace ostiary::gate
