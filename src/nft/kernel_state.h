// nft/kernel_state.h: queries nf_tables in this network namespace.
// - A query is one message and its answer. libnftables would read the whole ruleset for it.
// - If this process or this kernel cannot use nf_tables, the error says what is missing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"

namespace ostiary::nft {

// Why this process cannot listen to `what`, of which a network namespace has one listener: another process does, the
// process may not, or the kernel lacks the module.
Error no_listener(const std::string& what, int error, std::string_view module);

// The generation of the ruleset: every transaction increments it.
Result<uint32_t> read_generation();

enum class Presence : uint8_t { absent, present };

// Whether the table inet ostiary exists.
Result<Presence> find_table();

// Whether the table has a chain of this name, which has at most 100 octets.
Result<Presence> find_chain(const std::string& name);

}  // namespace ostiary::nft
