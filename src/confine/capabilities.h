// capabilities.h: what a root agent keeps, and how the rest goes.
// The list alone decides: a capability that is not in it leaves every set, also one that this program does
// not know. docs/decisions/0003-what-a-root-agent-keeps.md
#pragma once

#include <cstdint>
#include <span>

#include <sys/types.h>

#include "ostiary/base/result.h"

namespace ostiary::confine {

std::span<const unsigned> kept();

uint64_t mask_of(std::span<const unsigned> capabilities);

// Reduces the bounding set to these, and notes for apply_capabilities() what the other sets may hold.
Result<> reduce_bounding_set(std::span<const unsigned> kept);

// As the user: what was noted, as root; nothing, as another.
Result<> apply_capabilities(uid_t user);

}  // namespace ostiary::confine
