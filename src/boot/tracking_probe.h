// boot/tracking_probe.h: tests for which families the kernel tracks connections.
// Everything is denied and no agent runs yet. The keeper sends a datagram as the agent would send a
// question: the redirect brings it to the gate's own socket, or it is refused. The gate needs no
// more of connection tracking.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/confine/identity.h"
#include "ostiary/link/gate.h"
#include "ostiary/nft/ruleset.h"

namespace ostiary::boot {

// Requires the rules in place, for both families, and a gate that does not read yet. Without
// tracking for IPv4 there is no gate: an error.
Result<nft::Tracking> probe_tracking(const gate::Listeners& listeners, const confine::Identity& agent);

}  // namespace ostiary::boot
