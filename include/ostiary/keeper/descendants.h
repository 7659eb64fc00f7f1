// keeper/descendants.h: the processes below us. Every orphan among them is ours (PID 1, or a child
// subreaper), so a process that is not found here is not of our tree.
#pragma once

#include <cstdint>
#include <vector>

#include <sys/types.h>

#include "ostiary/base/result.h"

namespace ostiary::keeper {

// All live descendants of this process, zombies left out, and without the tree below `spared` (0: spare
// none).
Result<std::vector<pid_t>> descendants(pid_t spared);

// Whether we have children besides `spared`, by the kernel's own list, which it may lack.
enum class Children : uint8_t { unknown, none, some };
Children has_children_but(pid_t spared);

// SIGKILL to every child of this process, and from PID 1 to every process of its PID namespace, in one step.
// Elsewhere a process that forks and exits without pause can escape: the caller repeats this until it has no
// child. Orphans become children, so that is the end of every descendant.
void kill_children();

}  // namespace ostiary::keeper
