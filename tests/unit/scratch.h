// scratch.h: a temporary directory for a test, and access to its files.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ostiary::testing {

class Scratch {
 public:
  Scratch() {
    char path[] = "/tmp/ostiary_test_XXXXXX";
    REQUIRE(::mkdtemp(path) != nullptr);
    root_ = path;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  std::string path(const std::string& below) const { return root_ + "/" + below; }

 private:
  std::string root_;
};

inline bool lacks_root() {
  if (::geteuid() == 0) return false;
  MESSAGE("skipped: needs root");
  return true;
}

inline void write(const std::string& path, std::string_view content) {
  std::ofstream(path) << content;
}

inline std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline struct stat status_of(const std::string& path) {
  struct stat status{};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status;
}

inline mode_t mode_of(const std::string& path) {
  return status_of(path).st_mode & 07777;
}

}  // namespace ostiary::testing
