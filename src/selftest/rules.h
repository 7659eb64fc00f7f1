// selftest/rules.h: an attempt to change the rules.
#pragma once

#include "finding.h"

namespace ostiary::selftest {

// Deletes a table that does not exist: ENOENT for a process that may change rules, else EPERM.
Finding try_to_change_rules();

}  // namespace ostiary::selftest
