// base/directory.h: an open directory.
#pragma once

#include <cerrno>
#include <memory>

#include <dirent.h>

#include "ostiary/base/c_handle.h"

namespace ostiary {

using Directory = std::unique_ptr<DIR, CDelete<closedir>>;

// Null at the end, with errno 0, and on an error, with errno.
inline const dirent* next_entry(const Directory& directory) {
  errno = 0;
  return ::readdir(directory.get());
}

}  // namespace ostiary
