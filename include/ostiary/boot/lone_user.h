// boot/lone_user.h: where the rules hold one user, what of that user's they would not hold.
// They know a packet by the user its socket was made by.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/confine/identity.h"

namespace ostiary::boot {

// The user has no process yet, and what the agent is to inherit is no network socket. A process that we did
// not start would be held as well; and it is not confined, so through it the agent could do what itself may
// not.
Result<> check_lone_user(const confine::Identity& identity);

// Standard input, output and error: a network socket that somebody else made is somebody else's to the rules,
// whatever it is aimed at next.
Result<> check_standard_descriptors();

}  // namespace ostiary::boot
