// confine/confine_gate.h: confines the gate's process.
// - The gate has a user of its own, CAP_NET_ADMIN and no other capability, and no_new_privs.
// - Only a process with CAP_SYS_PTRACE can read its memory.
// - A filter allows the system calls that the gate needs. Any other call ends the process.
// - Every step is read back from the kernel.
#pragma once

#include <sys/types.h>

#include "ostiary/base/result.h"

namespace ostiary::confine {

// Open every netlink socket before: the filter allows new sockets of IP only.
Result<> confine_gate(uid_t user);

}  // namespace ostiary::confine
