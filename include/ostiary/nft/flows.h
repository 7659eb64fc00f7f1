// nft/flows.h: the flows that the kernel tracks in this network namespace.
#pragma once

#include <cstdint>

#include "ostiary/base/result.h"

namespace ostiary::nft {

// Nobody knows by what leave the flows began that there are now, but for the gate's: from here on what
// goes the way they began is judged packet by packet. Questions that were not redirected are forgotten, so
// that their ports can ask again. Requires rules of apply().
Result<> doubt_flows(uint32_t gate_mark);

}  // namespace ostiary::nft
