// base/guarded_directory.h: a directory in which nobody but root and us can replace what it holds.
// - No symbolic link is followed, wherever in the path it stands.
// - Every directory above it is one where nobody else could have led us elsewhere.
#pragma once

#include <string_view>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary {

// An absolute directory below the root, without "." and "..", and a name without a slash.
Result<> check_path(std::string_view directory, std::string_view name);

// What each of these is given has passed check_path(). Missing directories are made with mode 0755.

// A directory that somebody else owns or may write to is refused; one like /tmp, where others may add but
// not replace, is not.
Result<UniqueFd> make_guarded_directory(std::string_view path);
// A directory that somebody else owns or may write to is taken back, owner and mode; one that several share,
// like /tmp, is refused.
Result<UniqueFd> make_own_directory(std::string_view path);
// As it is, whoever owns it; no valid descriptor where there is none.
Result<UniqueFd> find_directory(std::string_view path);

}  // namespace ostiary
