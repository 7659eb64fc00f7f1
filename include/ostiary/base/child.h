// base/child.h: the end of a child process that we started.
#pragma once

#include <string_view>

#include <sys/types.h>

#include "ostiary/base/result.h"

namespace ostiary {

// Waits for it. The status is that of waitpid().
int wait_for_end(pid_t child);

// Waits for it, and returns its exit status. An error, which names the program, if a signal ended it.
Result<int> wait_for_exit_status(pid_t child, std::string_view program);

}  // namespace ostiary
