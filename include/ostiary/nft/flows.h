// nft/flows.h: the flows that the kernel tracks in this network namespace.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/nft/ruleset.h"

namespace ostiary::nft {

// Existing flows may have been opened under other rules, or while the rules were missing. Afterwards:
// - Where the rules hold all, every connection but the gate's is unverified: the rules check each of its
//   packets. The kernel has forgotten all other flows.
// - Where they hold one user, the kernel has forgotten the flows that an agent's rules marked.
// Call it after Table::apply(). It costs next to nothing where there are no flows.
Result<> settle_flows(const Ruleset& ruleset);

}  // namespace ostiary::nft
