// base/file_lock.h: a file that one process has for itself.
// The lock ends when the last copy of the descriptor is closed, those of other processes among them.
#pragma once

#include <chrono>

#include "ostiary/base/unique_fd.h"

namespace ostiary {

// Tries again for this long, because another process may hold the lock for a moment. False with errno
// EWOULDBLOCK if another process has it still, or with another error.
bool lock_file(const UniqueFd& file, std::chrono::milliseconds longest);

}  // namespace ostiary
