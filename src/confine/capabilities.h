// confine/capabilities.h: reduces the capabilities of this process to those of its profile.
#pragma once

#include <sys/types.h>

#include "ostiary/base/result.h"
#include "profile.h"

namespace ostiary::confine {

// Reduces the bounding set, and prepares the other sets for apply_capabilities(). Call it while
// CAP_SETPCAP is still there.
Result<> reduce_bounding_set(const Profile& profile);

// Keeps the permitted set through a change of the user, if the profile keeps capabilities for any
// user.
Result<> prepare_change_of_user(const Profile& profile);

// Applies the prepared sets if the profile keeps capabilities for this user. Clears all sets
// otherwise.
Result<> apply_capabilities(const Profile& profile, uid_t user);

}  // namespace ostiary::confine
