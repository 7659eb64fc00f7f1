// errands.h: where on the network the attempts go. Pure, but for what the kernel has loaded.
#pragma once

#include <vector>

#include "finding.h"
#include "flight.h"
#include "ostiary/selftest/selftest.h"

namespace ostiary::selftest {

struct Errands {
  std::vector<Errand> all;
  std::vector<Attempt> left_out;  // not applicable, and why
};

// Addresses, protocols and names that no rule permits, over IPv4 and IPv6.
Errands choose_errands(const Targets& targets);

}  // namespace ostiary::selftest
