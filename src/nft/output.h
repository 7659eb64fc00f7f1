// nft/output.h: the rules that judge packets on their way out.
// docs/ruleset.md lists the chains, and their rules in order.
#pragma once

#include <cstdint>

#include "ostiary/inet/dns_port.h"
#include "ostiary/nft/marks.h"
#include "ostiary/nft/ruleset.h"

namespace ostiary::nft {

// After every conventional chain and every NAT of the output hook: the rules see what leaves.
inline constexpr int filter_priority = 200;
using inet::dns_port;
// For packets between a process and the gate's own port 53: `untrack` exempts them from tracking,
// and `direct` accepts them. Both chains are empty until the gate has that port.
inline constexpr const char* untrack_chain = "untrack";
inline constexpr const char* direct_chain = "direct";

constexpr AgentMarks agent_marks(const Ruleset& ruleset) {
  return agent_marks(ruleset.gate_mark);
}
// Container scope: holds every process but the gate. The chain denies packets that no rule accepts.
void add_output(Json& out, const Ruleset& ruleset);

// User scope: holds one user and leaves all others alone.
void add_output_of_user(Json& out, const Ruleset& ruleset, uint32_t user);

// Container scope: packets that arrive, and packets that are forwarded.
void add_arrivals(Json& out, const Ruleset& ruleset);
void add_forward(Json& out, const Ruleset& ruleset);

// The kernel counts the ids of IPv4 packets by destination, and counts before the rules judge. A
// host outside that gets echo replies or ICMP errors could so see how many packets to itself the
// agent was denied. These packets leave with the same id.
void add_constant_ids(Json& out);

// Rules of both scopes. The gate's go to chain "output". `chain` judges the agent's packets.
void add_gate(Json& out, const Ruleset& ruleset);
void add_closed_resolvers(Json& out, const Ruleset& ruleset, const char* chain);

// Drops ICMP errors that quote a packet from port 53, if the packets also match `matches`: the
// kernel rejects the gate's answer for a socket that was closed meanwhile. They are not logged,
// because the agent did not send them.
void add_late_answers(Json& out, const Json& matches);

}  // namespace ostiary::nft
