// nft/flows.h: flows that existed before the rules, or began while another process had removed
// them.
#pragma once

#include <cstdint>
#include <utility>

#include "ostiary/base/result.h"
#include "ostiary/inet/connection.h"
#include "ostiary/netlink/socket.h"
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

// User scope: the TCP connections that the agent began under the rules.
class AgentFlows {
 public:
  static Result<AgentFlows> open(const Ruleset& ruleset);

  // Whether the rules have marked the connection's flow as the agent's.
  Result<bool> contain(const inet::Connection& connection);

 private:
  AgentFlows(netlink::Socket socket, const Ruleset& ruleset)
      : socket_(std::move(socket)), gate_mark_(ruleset.gate_mark) {}

  netlink::Socket socket_;
  uint32_t gate_mark_;
};

}  // namespace ostiary::nft
