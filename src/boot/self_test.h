// boot/self_test.h: the self-test of a boot: what it is to try, and what the audit says of it.
#pragma once

#include <span>
#include <string>

#include <sys/types.h>

#include "audit_trail.h"
#include "ostiary/base/result.h"
#include "ostiary/confine/identity.h"
#include "ostiary/inet/ip_address.h"
#include "ostiary/selftest/selftest.h"

namespace ostiary::boot {

// The plan's targets, with what the boot has learned: the addresses that are admitted for the plan's names,
// which the self-test leaves alone, and the gate's process.
selftest::Targets with_admitted(selftest::Targets targets, std::span<const inet::IpAddress> admitted,
                                pid_t gate);

// Returns the summary. An attempt that escaped is an error.
Result<std::string> run_self_test(const confine::Identity& agent, const selftest::Targets& targets,
                                  AuditTrail& audit);

}  // namespace ostiary::boot
