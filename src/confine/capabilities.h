// confine/capabilities.h: the capabilities that a root agent keeps, and how the others are dropped.
// The list alone decides: a capability that is not on it leaves every set, even one that this
// program does not know. docs/decisions/0004-what-a-root-agent-keeps.md
#pragma once

#include <cstdint>
#include <span>

#include <sys/types.h>

#include "ostiary/base/result.h"

namespace ostiary::confine {

std::span<const unsigned> kept();

uint64_t mask_of(std::span<const unsigned> capabilities);

// Reduces the bounding set to `kept`, and prepares the other sets for apply_capabilities().
Result<> reduce_bounding_set(std::span<const unsigned> kept);

// Applies the prepared sets if the user is root. Clears all sets for any other user.
Result<> apply_capabilities(uid_t user);

}  // namespace ostiary::confine
