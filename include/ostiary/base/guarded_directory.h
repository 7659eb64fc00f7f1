// base/guarded_directory.h: directories in which only root and our own user can replace entries.
// - No function follows a symbolic link in any component of a path.
// - The make_ functions refuse a path if another user can replace an entry in a parent directory.
#pragma once

#include <string>
#include <string_view>

#include <sys/types.h>

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
// Refuses a directory that another user owns, or may read, write to or search. Creates a missing one with
// mode 0700.
Result<UniqueFd> make_private_directory(std::string_view path);
// Accepts any owner and mode. Returns an invalid descriptor if there is no such directory.
Result<UniqueFd> find_directory(std::string_view path);

// Opens a file, or makes it, in a directory that has passed one of the make_ functions. `path` is for
// messages. Refuses anything but a regular file of ours without a second hard link, such as one that another
// user left in a directory like /tmp. Sets the mode. A pipe or terminal under the name does not block.
Result<UniqueFd> open_guarded_file(const UniqueFd& directory, const std::string& name,
                                   const std::string& path, int flags, mode_t mode);

}  // namespace ostiary
