// nft/kernel_state.h: what the kernel says of nf_tables in this network namespace, by one message and its
// answer: a context of libnftables reads the whole ruleset for as much. An error says what is missing where
// this process or this kernel has no nf_tables.
#pragma once

#include <cstdint>
#include <string>

#include "ostiary/base/result.h"

namespace ostiary::nft {

// The number of the ruleset, which every transaction moves on.
Result<uint32_t> read_generation();

enum class Presence : uint8_t { absent, present };

// Whether there is a table of our name.
Result<Presence> find_table();

// Whether it has a chain of that name, of at most 100 octets.
Result<Presence> find_chain(const std::string& name);

}  // namespace ostiary::nft
