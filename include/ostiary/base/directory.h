// base/directory.h: an open directory.
#pragma once

#include <memory>

#include <dirent.h>

#include "ostiary/base/c_handle.h"

namespace ostiary {

using Directory = std::unique_ptr<DIR, CDelete<closedir>>;

}  // namespace ostiary
