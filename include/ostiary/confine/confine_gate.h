// confine/confine_gate.h: the gate's own lock-down.
// A user of its own, CAP_NET_ADMIN and no other capability, no new privileges, no look into its memory, and a
// filter that holds it to the system calls it needs. Each step but the filter is read back; the filter ends
// the process at the first call it does not know.
#pragma once

#include <sys/types.h>

#include "ostiary/base/result.h"

namespace ostiary::confine {

// Every netlink socket must be open before: the filter lets it open sockets of IP alone.
Result<> confine_gate(uid_t user);

}  // namespace ostiary::confine
