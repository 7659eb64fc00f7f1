// audit/path.h: splits the path of a file into its directory and its name.
#pragma once

#include <string>
#include <string_view>

namespace ostiary::audit {

struct Path {
  std::string directory;
  std::string name;
};

// Requires a path that contains a slash.
inline Path split(std::string_view path) {
  const size_t slash = path.rfind('/');
  return {std::string(path.substr(0, slash)), std::string(path.substr(slash + 1))};
}

}  // namespace ostiary::audit
