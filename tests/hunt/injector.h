// hunt/injector.h: packets from outside to the agent's host, from few peers to few ports, so that programs
// meet them.
#pragma once

#include "judge.h"
#include "program.h"
#include "shared.h"

namespace ostiary::hunt {

// Until the page says stop. In a thread of its own.
void inject(const Stage& stage, Judge& judge, Shared& shared, uint64_t seed);

}  // namespace ostiary::hunt
