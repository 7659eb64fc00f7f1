#include "real_path.h"

#include <cstdlib>
#include <memory>

namespace ostiary::selftest {

std::string with_real_directory(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return path;
  struct Free {
    void operator()(char* text) const { std::free(text); }
  };
  const std::unique_ptr<char, Free> directory(::realpath(path.substr(0, slash + 1).c_str(), nullptr));
  if (directory == nullptr) return path;
  const std::string real = directory.get();
  return (real == "/" ? "" : real) + path.substr(slash);
}

}  // namespace ostiary::selftest
