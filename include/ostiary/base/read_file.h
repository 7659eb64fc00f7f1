// base/read_file.h: a whole file as text, within a limit.
#pragma once

#include <cstddef>
#include <string>

#include "ostiary/base/result.h"

namespace ostiary {

// A missing or unreadable file and a directory are errors of Exit::missing_input, one over the limit of
// Exit::configuration.
Result<std::string> read_file(const std::string& path, size_t limit);

// The same for a file that only root can have written and read: no link, root's, nothing for group and
// others.
Result<std::string> read_root_file(const std::string& path, size_t limit);

bool file_exists(const std::string& path);

// Whether nothing has that name. A link that leads nowhere has one, and so may what we are not let look for.
bool is_absent(const std::string& path);

}  // namespace ostiary
