// relay/probe.h: sends one batch of each signal to its collector, and prints what the collector answers.
// - For a developer's own machine, where Claude Code sends telemetry itself: it resolves names and connects,
//   with no gate and no confinement.
// - What it prints holds no secret. To learn which protocol a server speaks, it also sends batches, without
//   the credentials.
#pragma once

#include "ostiary/base/result.h"

namespace ostiary::relay {

// The main function of ostiary-relay with relay::probe_argument: see link/probe.h. Its result is the exit
// status: 0 if every batch was taken.
Result<int> probe_main();

}  // namespace ostiary::relay
