// gate/gate.h: the gate's process, from its first line to its end.
#pragma once

#include "ostiary/base/result.h"

namespace ostiary::gate {

// With the descriptors it was born with (gate/launch.h). Confines itself before it reads a byte of the
// agent's; serves until the keeper's end of the channel closes.
Result<int> run();

}  // namespace ostiary::gate
