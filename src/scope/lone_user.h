// scope/lone_user.h: where the rules hold one user, what of that user's they would not hold.
// They know a packet by the user its socket was made by.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/confine/identity.h"

namespace ostiary::scope {

// The user has no process yet. One that we did not start would be held as well; and it is not confined, so
// through it the agent could do what itself may not.
Result<> check_lone_user(const confine::Identity& identity);

}  // namespace ostiary::scope
