// selftest/real_path.h: resolves the links in a path's directory, and not in its last part.
#pragma once

#include <string>

namespace ostiary::selftest {

// Returns the path unchanged if its directory does not exist.
std::string with_real_directory(const std::string& path);

}  // namespace ostiary::selftest
