// base/replace_file.h: a file written whole or not at all, in a directory that belongs to us alone.
// - No symbolic link is followed, wherever in the path it stands.
// - Who owned the directory before has no say afterwards: it is taken back, owner and mode, before the file
// is made.
//   So it must be a directory of our own, never a home; one like /tmp is refused.
// - The directories above it must be such that nobody else can replace what they hold.
#pragma once

#include <string_view>

#include <sys/types.h>

#include "ostiary/base/result.h"

namespace ostiary {

// Missing directories are made with mode 0755. The file belongs to the effective user and appears with its
// mode and its content under its name at once, in place of any file or link there. Requires an absolute
// directory without "..", and a name without a slash.
Result<> replace_file(const char* directory, const char* name, std::string_view content, mode_t mode);

// Done as well when there is no such file or directory. A link is removed, not what it points to.
Result<> remove_file(const char* directory, const char* name);

}  // namespace ostiary
