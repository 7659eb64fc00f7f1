// base/replace_file.h: writes a file atomically, in a directory that only our user controls.
// - No function follows a symbolic link in any component of a path.
// - replace_file() resets the owner and the mode of the directory before it creates the file, so a
//   previous owner keeps no access. Use it only for a directory of our own, never for a home.
// - It refuses a shared directory like /tmp, and a path in which another user can replace an entry
//   of a parent directory.
#pragma once

#include <string_view>

#include <sys/types.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary {

// Creates missing directories with mode 0755. The file belongs to the effective user. It appears
// under its name with its mode and content in one step, and replaces a file or link of that name.
// Requires an absolute directory without "..", and a name without a slash.
Result<> replace_file(const char* directory, const char* name, std::string_view content, mode_t mode);

// As replace_file(), in a directory that make_own_directory() has opened. Errors show its path.
Result<> replace_file(const UniqueFd& directory, std::string_view path, const char* name,
                      std::string_view content, mode_t mode);

// Writes the whole text, in several writes if need be. An error begins with `what`.
Result<> write_all(const UniqueFd& file, std::string_view text, std::string_view what,
                   Exit exit = Exit::not_permitted);

// Succeeds if there is no such file or directory. Removes a link itself, not its target.
Result<> remove_file(const char* directory, const char* name);
Result<> remove_file(const UniqueFd& directory, std::string_view path, const char* name);

}  // namespace ostiary
