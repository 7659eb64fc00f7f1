// boot/tracking_probe.h: for which family the kernel knows connections, found out and not assumed.
// With everything denied and nobody there yet, a datagram is sent as the agent would send a question: the
// redirect brings it to the gate's own socket, or it is refused. That is what the gate needs of connection
// tracking.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/confine/identity.h"
#include "ostiary/gate/launch.h"
#include "ostiary/nft/ruleset.h"

namespace ostiary::boot {

// Requires the rules in place, for both families, and a gate that does not read yet. Without tracking for
// IPv4 there is no gate: an error.
Result<nft::Tracking> probe_tracking(const gate::Listeners& listeners, const confine::Identity& agent);

}  // namespace ostiary::boot
