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

}  // namespace ostiary::keeper
