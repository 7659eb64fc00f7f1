// nft/nameless.h: the rules for flows that are opened by a name beside the address.
// - Such a flow begins nameless: its SYN, what the agent sends and what the server answers wait for the gate (NFQUEUE),
//   until it marks the flow as permitted or misnamed. The agent's packets without data, but for a FIN, pass by themselves.
// - Or it marks the flow as one of requests: then it gets what the agent sends as long as the flow lives.
// - While no gate listens, the kernel drops what would wait for it.
#pragma once

#include "ostiary/base/json.h"
#include "ostiary/nft/ruleset.h"

namespace ostiary::nft {

// A packet that comes here waits for the gate. The rule that sends it there is added by queue_rule.h.
inline constexpr const char* ask_chain = "ask";

// All of these add nothing if the ruleset has no queue.
void add_nameless_sets(Json& out, const Ruleset& ruleset);
void add_nameless_chains(Json& out, const Ruleset& ruleset);
// Rules of `chain`, which judges the agent's packets on their way out. They come before the rules for established
// flows: the SYN of a new connection may have the addresses and ports of a flow that the kernel still knows.
void add_nameless(Json& out, const Ruleset& ruleset, const char* chain);
// Packets from the server, in an input chain.
void add_answers_to_nameless(Json& out, const Ruleset& ruleset, const char* chain);

}  // namespace ostiary::nft
