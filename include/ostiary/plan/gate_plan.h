// plan/gate_plan.h: the part of the plan that the gate and the kernel carry out.
// Computed from the plan and this network, before any rule is loaded.
#pragma once

#include <string>
#include <vector>

#include "ostiary/gate/setup.h"
#include "ostiary/net/routes.h"
#include "ostiary/nft/ruleset.h"
#include "ostiary/plan/plan.h"
#include "ostiary/selftest/selftest.h"

namespace ostiary::plan {

// Only the gate's packets carry this mark: setting a mark takes CAP_NET_ADMIN.
inline constexpr uint32_t gate_mark = 0x6f737469;

struct GatePlan {
  gate::Setup setup;
  nft::Ruleset ruleset;  // of the first transaction: no name is resolved, and the kernel not yet probed
  std::vector<selftest::AddressPort> local_upstreams;  // at addresses of this host
  std::vector<std::string> not_asked;  // a sentence about each upstream server that cannot be asked
};

// Fails if no upstream server is left. Sends no packet. Of the ruleset, the routes decide only what two sets
// contain.
Result<GatePlan> make_gate_plan(const Plan& plan, net::RoutingTable routes);

}  // namespace ostiary::plan
