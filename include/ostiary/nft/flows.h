// nft/flows.h: flows that existed before the rules, or began while another process had removed
// them.
#pragma once

#include <cstdint>
#include <utility>

#include "ostiary/base/result.h"
#include "ostiary/inet/connection.h"
#include "ostiary/nft/flow_marks.h"
#include "ostiary/nft/marks.h"
#include "ostiary/nft/ruleset.h"

namespace ostiary::nft {

// When flows began that exist now.
enum class FlowsBegan : uint8_t {
  before_this_boot,
  in_this_boot,  // perhaps while another process had removed the rules
};

// Existing flows may have been opened under other rules, or while the rules were missing. After this call:
// - In container scope, TCP connections and redirected DNS questions are marked as unverified, and the rules check
//   each of their packets. The gate's are not, and in this boot those whose name the gate knows. The kernel has
//   forgotten all other flows.
// - In user scope, the kernel has forgotten the flows that bear a mark of an earlier boot.
// Call it after Table::apply(). It costs almost nothing if there are no flows.
Result<> settle_flows(const Ruleset& ruleset, FlowsBegan began);

// User scope: the TCP connections that the agent began under the rules.
class AgentFlows {
 public:
  static Result<AgentFlows> open(const Ruleset& ruleset);

  // Whether the rules have marked the connection's flow as the agent's.
  Result<bool> contain(const inet::Connection& connection);

 private:
  AgentFlows(FlowMarks marks, AgentMarks agents) : marks_(std::move(marks)), agents_(agents) {}

  FlowMarks marks_;
  AgentMarks agents_;
};

}  // namespace ostiary::nft
