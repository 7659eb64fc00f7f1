// selftest/attempt_plans.h: chooses the targets of the attempts over the network.
// Pure, except that it reads which protocols the kernel has loaded.
#pragma once

#include <vector>

#include "finding.h"
#include "network_attempt.h"
#include "ostiary/selftest/selftest.h"

namespace ostiary::selftest {

struct AttemptPlans {
  std::vector<AttemptPlan> all;
  std::vector<Attempt> left_out;  // not applicable, with the reason
};

// The attempts use addresses, protocols and names that no rule permits, over IPv4 and IPv6.
AttemptPlans plan_attempts(const Targets& targets);

}  // namespace ostiary::selftest
