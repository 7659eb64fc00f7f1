// base/guarded_directory.h: directories in which only root and our own user can replace entries.
// - No function follows a symbolic link in any component of a path.
// - The make_ functions refuse a path if another user can replace an entry in a parent directory.
#pragma once

#include <string_view>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary {

// Accepts an absolute directory below the root, without "." and "..", and a name without a slash.
Result<> check_path(std::string_view directory, std::string_view name);

// The functions below require a path that has passed check_path(). The make_ functions create
// missing directories with mode 0755.

// Refuses a directory that another user owns or may write to. Accepts a sticky directory like /tmp,
// in which other users can add entries but cannot replace ours.
Result<UniqueFd> make_guarded_directory(std::string_view path);
// Resets the owner and the mode of a directory that another user owns or may write to. Refuses a
// sticky directory of ours that other users may write to, like /tmp.
Result<UniqueFd> make_own_directory(std::string_view path);
// Accepts any owner and mode. Returns an invalid descriptor if there is no such directory.
Result<UniqueFd> find_directory(std::string_view path);

}  // namespace ostiary
