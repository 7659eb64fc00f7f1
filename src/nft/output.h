// output.h: what becomes of packets on their way out; the heart of the ruleset.
// docs/ruleset.md has the chains in their order.
#pragma once

#include <cstdint>

#include <nlohmann/json_fwd.hpp>

#include "ostiary/nft/ruleset.h"

namespace ostiary::nft {

// After every conventional chain and every NAT of the output hook, so that what is judged is what leaves.
inline constexpr int filter_priority = 200;
inline constexpr uint16_t dns_port = 53;

// The chain where everybody is held but the gate: what it does not accept is denied.
void add_output(nlohmann::json& out, const Ruleset& ruleset);

// The chains where one user is held and nobody else is touched.
void add_output_of_user(nlohmann::json& out, const Ruleset& ruleset, uint32_t user);

// What both have in common; `chain` is where packets are judged. The gate's rules go to "output".
void add_gate(nlohmann::json& out, const Ruleset& ruleset);
void add_inbound(nlohmann::json& out, const Ruleset& ruleset, const char* chain);
void add_own_source(nlohmann::json& out, const char* chain);
void add_closed_resolvers(nlohmann::json& out, const Ruleset& ruleset, const char* chain);

}  // namespace ostiary::nft
