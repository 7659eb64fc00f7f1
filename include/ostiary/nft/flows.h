// nft/flows.h: marks or forgets the flows that existed before the rules.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/nft/ruleset.h"

namespace ostiary::nft {

// Existing flows may have been opened under other rules, or while the rules were missing. After
// this call:
// - In container scope, TCP connections and redirected DNS questions are marked as unverified,
//   except the gate's: the rules check each of their packets. The kernel has forgotten all other
//   flows.
// - In user scope, the kernel has forgotten the flows that bear a mark of an earlier boot.
// Call it after Table::apply(). It costs almost nothing if there are no flows.
Result<> settle_flows(const Ruleset& ruleset);

}  // namespace ostiary::nft
