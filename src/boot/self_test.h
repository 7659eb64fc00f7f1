// boot/self_test.h: the self-test of a boot: what it is to try, and what the audit says of it.
#pragma once

#include <span>
#include <string>

#include <sys/types.h>

#include "audit_trail.h"
#include "ostiary/base/result.h"
#include "ostiary/inet/ip_address.h"
#include "ostiary/nft/ruleset.h"
#include "ostiary/plan/gate_plan.h"
#include "ostiary/plan/plan.h"
#include "ostiary/selftest/selftest.h"

namespace ostiary::boot {

// The self-test leaves alone what the ruleset permits, and the addresses that are admitted for the
// plan's names.
selftest::Targets targets_of(const plan::Plan& plan, const nft::Ruleset& ruleset,
                             std::span<const selftest::AddressPort> local_upstreams,
                             std::span<const inet::IpAddress> admitted, pid_t gate);

// Returns the summary. An attempt that escaped is an error.
Result<std::string> run_self_test(const plan::Plan& plan, const selftest::Targets& targets,
                                  AuditTrail& audit);

}  // namespace ostiary::boot
