// hunt/injector.h: sends packets from outside to the agent's host, from few peers to few ports, so
// that programs receive some of them.
#pragma once

#include "judge.h"
#include "program.h"
#include "shared.h"

namespace ostiary::hunt {

// Runs until the page's `stop` is set. For a thread of its own.
void inject(const Stage& stage, Judge& judge, Shared& shared, uint64_t seed);

}  // namespace ostiary::hunt
