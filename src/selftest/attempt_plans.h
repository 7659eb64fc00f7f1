// attempt_plans.h: where on the network the attempts go. Pure, but for what the kernel has loaded.
#pragma once

#include <vector>

#include "finding.h"
#include "network_attempt.h"
#include "ostiary/selftest/selftest.h"

namespace ostiary::selftest {

struct AttemptPlans {
  std::vector<AttemptPlan> all;
  std::vector<Attempt> left_out;  // not applicable, and why
};

// Addresses, protocols and names that no rule permits, over IPv4 and IPv6.
AttemptPlans plan_attempts(const Targets& targets);

}  // namespace ostiary::selftest
