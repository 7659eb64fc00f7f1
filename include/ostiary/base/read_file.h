// base/read_file.h: reads a whole file as text, up to a limit.
#pragma once

#include <cstddef>
#include <string>

#include "ostiary/base/result.h"

namespace ostiary {

// Fails with Exit::missing_input if the path is missing, unreadable or not a regular file, and with
// Exit::configuration if the file is over the limit.
Result<std::string> read_file(const std::string& path, size_t limit);

// Also requires a file that only root can read and write: owned by root, no permissions for group
// and others, not a symbolic link.
Result<std::string> read_root_file(const std::string& path, size_t limit);

bool file_exists(const std::string& path);

// Whether the path certainly does not exist. False for a dangling link, and for a path that we have
// no permission to look up.
bool is_absent(const std::string& path);

}  // namespace ostiary
