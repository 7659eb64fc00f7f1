// confine/confine_helper.h: confines a helper's process, by the profile that its description names.
// - The process has a user of its own, the capabilities of its profile and no other, and no_new_privs.
// - Only a process with CAP_SYS_PTRACE can read its memory.
// - A filter allows the system calls that the profile lists. Any other call ends the process.
// - Every step is read back from the kernel.
#pragma once

#include <cstdint>

#include <sys/types.h>

#include "ostiary/base/result.h"

namespace ostiary::confine {

// - `gate`: CAP_NET_ADMIN, and new sockets of IP only. Open every netlink socket before.
// - `relay`: no capability, no new socket, no connection. It opens files and forks, and narrows each child.
enum class HelperProfile : uint8_t { gate, relay };

// `user`: the uid and gid.
Result<> confine_helper(HelperProfile helper, uid_t user);

// For a child of a confined relay, which will read what the agent writes: takes away what the parent needs
// beyond that. No file can be opened, and no process can be made.
Result<> narrow_to_serve();

}  // namespace ostiary::confine
