#include "ostiary/confine/program.h"

#include <algorithm>
#include <cerrno>

#include <sys/stat.h>

namespace ostiary::confine {
namespace {

bool is_missing(std::string_view path, std::string_view directory) {
  const std::string whole = (path.starts_with('/') ? "" : std::string(directory) + "/") + std::string(path);
  struct stat found{};
  return ::stat(whole.c_str(), &found) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

}  // namespace

bool leads_nowhere(std::string_view name, std::string_view path, std::string_view directory) {
  if (name.contains('/')) return is_missing(name, directory);
  if (path.empty()) return false;
  while (true) {
    const size_t end = std::min(path.find(':'), path.size());
    const std::string_view place = end == 0 ? "." : path.substr(0, end);
    if (!is_missing(std::string(place) + "/" + std::string(name), directory)) return false;
    if (end == path.size()) return true;
    path.remove_prefix(end + 1);
  }
}

}  // namespace ostiary::confine
