// output.h: judges packets on their way out; the heart of the ruleset.
// docs/ruleset.md lists the chains and their rules in order.
#pragma once

#include <cstdint>

#include <nlohmann/json_fwd.hpp>

#include "ostiary/nft/ruleset.h"

namespace ostiary::nft {

// After every conventional chain and every NAT of the output hook, so that what is judged is what leaves.
inline constexpr int filter_priority = 200;
inline constexpr uint16_t dns_port = 53;
// Where packets between a process and the gate's own port 53 are exempt from tracking, and where they pass.
// Both are empty until the gate has that port.
inline constexpr const char* untrack_chain = "untrack";
inline constexpr const char* direct_chain = "direct";

// Marks of the agent's flows where the rules hold one user. They are not the gate's.
struct AgentMarks {
  uint32_t permitted;    // to what the rules permit
  uint32_t own_service;  // to a service of this host, which must turn out to be the agent's own
  uint32_t not_its_own;  // the service is another user's
};
inline constexpr uint32_t variants_of_mark = 3;
constexpr AgentMarks agent_marks(const Ruleset& ruleset) {
  return {ruleset.gate_mark ^ 1U, ruleset.gate_mark ^ 2U, ruleset.gate_mark ^ 3U};
}
// A flow from a container inside that was refused: the refusal may go back to it.
constexpr uint32_t answered(uint32_t gate_mark) {
  return gate_mark ^ 4U;
}

// Holds every process but the gate: the chain denies what it does not accept.
void add_output(nlohmann::json& out, const Ruleset& ruleset);

// Holds one user and leaves all others alone.
void add_output_of_user(nlohmann::json& out, const Ruleset& ruleset, uint32_t user);

// Packets that come in, and those that are forwarded.
void add_arrivals(nlohmann::json& out, const Ruleset& ruleset);
void add_forward(nlohmann::json& out, const Ruleset& ruleset);

// What both have in common; `chain` is where packets are judged. The gate's rules go to "output".
void add_gate(nlohmann::json& out, const Ruleset& ruleset);
void add_closed_resolvers(nlohmann::json& out, const Ruleset& ruleset, const char* chain);

// Drops the ICMP errors that quote a packet from port 53, where `matches` say so: a socket that was closed
// meanwhile rejects the gate's answer. They are not logged, since they are nothing that the agent did.
void add_late_answers(nlohmann::json& out, const nlohmann::json& matches);

}  // namespace ostiary::nft
