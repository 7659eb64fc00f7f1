// nft/marks.h: the marks of flows, by which the rules know whose a flow is and how far it may go.
// - All are made from the mark of the gate's packets. The agent can set none.
#pragma once

#include <cstdint>

namespace ostiary::nft {

// Marks of the agent's flows. None is the gate's mark.
struct AgentMarks {
  uint32_t permitted;        // to a destination that the rules permit; its name is known if it needs one
  uint32_t own_service;      // user scope: to a service of this host, which may be another user's
  uint32_t foreign_service;  // user scope: to a service that is another user's
  uint32_t nameless;         // its first packets wait for the gate, which looks for a name
  uint32_t misnamed;         // the gate has refused its name
  uint32_t requests;         // what the agent sends waits for the gate, which reads each request
};
// The bits in which these marks differ from the gate's.
inline constexpr uint32_t variants_of_mark = 7;
constexpr AgentMarks agent_marks(uint32_t gate_mark) {
  return {gate_mark ^ 1U, gate_mark ^ 2U, gate_mark ^ 3U, gate_mark ^ 5U, gate_mark ^ 6U, gate_mark ^ 7U};
}

// Of a refused flow from a container inside: the refusal may go back to the container.
constexpr uint32_t refused_forwarding(uint32_t gate_mark) {
  return gate_mark ^ 4U;
}

// Of unverified flows: those that the agent may have begun while the rules were missing (nft/flows.h), and
// connections that the kernel first saw under way. The rules check every packet of such a flow.
constexpr uint32_t unverified(uint32_t gate_mark) {
  return ~gate_mark;
}

}  // namespace ostiary::nft
