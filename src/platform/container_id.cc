#include "container_id.h"

#include <algorithm>
#include <array>

namespace ostiary::platform {
namespace {

constexpr size_t id_length = 64;

// Files that the engine creates for each container in a directory whose name is the container's id,
// such as /var/lib/docker/containers/<id>/hostname. Mounts of image layers and volumes have
// directories with such names too.
constexpr std::array<std::string_view, 3> engine_files{"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"};

bool is_id(std::string_view name) {
  return name.size() == id_length &&
         std::ranges::all_of(name, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// Removes the text up to and with the next mark. Returns it without the mark.
std::string_view take(std::string_view& text, char mark) {
  const size_t end = std::min(text.find(mark), text.size());
  const std::string_view item = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return item;
}

}  // namespace

std::string find_container_id(std::string_view mountinfo) {
  while (!mountinfo.empty()) {
    std::string_view line = take(mountinfo, '\n');
    for (int skipped = 0; skipped < 3; ++skipped) take(line, ' ');  // mount, parent, device
    std::string_view root = take(line, ' ');
    const std::string_view mount_point = take(line, ' ');
    if (std::ranges::find(engine_files, mount_point) == engine_files.end()) continue;
    while (!root.empty())
      if (const std::string_view name = take(root, '/'); is_id(name)) return std::string(name);
  }
  return {};
}

}  // namespace ostiary::platform
