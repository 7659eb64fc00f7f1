// rules.h: an attempt at changing the rules.
#pragma once

#include "finding.h"

namespace ostiary::selftest {

// Deletes a table that does not exist: whoever may change the rules is told that, and anybody else EPERM.
Finding try_to_change_rules();

}  // namespace ostiary::selftest
