// base/own_file.h: replaces a file of the user that this process runs as, in that user's own directory.
// Not for a directory in which another user can replace an entry: see base/replace_file.h.
#pragma once

#include <string>
#include <string_view>

#include <sys/types.h>

#include "ostiary/base/result.h"

namespace ostiary {

// The target of the path, if it is a symbolic link. Otherwise, or if there is no target, the path itself.
std::string real_path(const std::string& path);

// The permissions of the file, or `otherwise` if there is none.
mode_t mode_of_file(const std::string& path, mode_t otherwise);

// The file appears under its name with its mode and content in one step. Replaces a link itself, not its
// target. An error does not show the path.
Result<> replace_own_file(const std::string& path, std::string_view text, mode_t mode);

}  // namespace ostiary
