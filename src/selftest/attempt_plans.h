// selftest/attempt_plans.h: chooses the targets of the attempts over the network.
// Pure, except that it reads which protocols the kernel has loaded.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "finding.h"
#include "network_attempt.h"
#include "ostiary/inet/ip_address.h"
#include "ostiary/nft/ruleset.h"
#include "ostiary/selftest/selftest.h"

namespace ostiary::selftest {

struct AttemptPlans {
  std::vector<AttemptPlan> all;
  std::vector<Attempt> left_out;  // not applicable, with the reason
};

// The attempts use addresses, protocols and names that no rule permits, over IPv4 and IPv6.
AttemptPlans plan_attempts(const Targets& targets);

bool permits(std::span<const nft::AddressRule> permitted, const AddressPort& place, uint8_t protocol);

// A target that no rule permits, in a documentation network, so that a packet that gets out reaches
// no host. Empty if the rules permit every candidate.
std::optional<AddressPort> find_unlisted(inet::Family family, uint8_t protocol,
                                         std::span<const nft::AddressRule> permitted);

}  // namespace ostiary::selftest
