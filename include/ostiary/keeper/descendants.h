// keeper/descendants.h: finds and kills the descendants of this process.
// - This process is PID 1 or a child subreaper. It adopts every orphan, so no process leaves the
//   tree below it.
#pragma once

#include <cstdint>
#include <vector>

#include <sys/types.h>

#include "ostiary/base/result.h"

namespace ostiary::keeper {

// All live descendants of this process, without zombies, and without the `excluded` processes and
// the trees below them.
Result<std::vector<pid_t>> descendants(const std::vector<pid_t>& excluded);

// Whether this process has children other than the `excluded` ones, according to the kernel's list.
// `unknown`: the kernel has no such list.
enum class Children : uint8_t { unknown, none, some };
Children has_children_but(const std::vector<pid_t>& excluded);

// Sends SIGKILL to every child of this process.
// - In PID 1 it sends the signal to every process of the PID namespace, in one step.
// - In another process, a child that forks and exits without a pause can escape. The caller repeats
//   the call until this process has no child. Orphans become children, so then no descendant is
//   left.
void kill_children();

}  // namespace ostiary::keeper
