// selftest/privileges.h: attempts that need a privilege which the agent lacks: other kinds of
// sockets, the gate's mark, the rules, the gate itself, root's files.
#pragma once

#include <vector>

#include "ostiary/selftest/selftest.h"

namespace ostiary::selftest {

std::vector<Attempt> try_privileges(const Targets& targets);

}  // namespace ostiary::selftest
