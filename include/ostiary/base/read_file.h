// base/read_file.h: reads a whole file as text, up to a limit.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary {

// Fails with Exit::missing_input if the path is missing, unreadable or not a regular file, and with
// Exit::configuration if the file is over the limit.
Result<std::string> read_file(const std::string& path, size_t limit);

// For a path that the operator names. Follows no link that another user than root and ours has
// made: the file behind it may be one that only we can read. Such a link is an error of
// Exit::not_permitted.
Result<std::string> read_named_file(const std::string& path, size_t limit);

// For a file of an open directory, whose path errors show. Follows no link.
Result<std::string> read_file_in(const UniqueFd& directory, std::string_view path, const char* name,
                                 size_t limit);

// For a file of an open directory, whose path errors show. Also requires a file that only root can
// read and write: owned by root, no permissions for group and others, not a symbolic link.
Result<std::string> read_root_file(const UniqueFd& directory, std::string_view path, const char* name,
                                   size_t limit);

bool file_exists(const std::string& path);

// Whether the path certainly does not exist. False for a dangling link, and for a path that we have
// no permission to look up.
bool is_absent(const std::string& path);

}  // namespace ostiary
