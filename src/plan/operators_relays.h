// plan/operators_relays.h: the relays of the policy file, as servers to which the relay forwards requests. Pure.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/config/config.h"
#include "ostiary/link/forward.h"

namespace ostiary::plan {

// `number` is the place of the entry in the file: it chooses the port.
Result<relay::Forward> make_forward(const config::RelayEntry& entry, size_t number,
                                    const config::Config& config);

}  // namespace ostiary::plan
