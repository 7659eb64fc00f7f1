// real_path.h: a path without links in the directory part; the last part may be one, or be missing.
#pragma once

#include <string>

namespace ostiary::selftest {

// The path as it is where its directory is not there.
std::string with_real_directory(const std::string& path);

}  // namespace ostiary::selftest
