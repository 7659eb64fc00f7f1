#include "container_id.h"

#include <algorithm>
#include <array>

#include "ostiary/base/text.h"

namespace ostiary::platform {
namespace {

constexpr size_t id_length = 64;

// Files that the engine creates for each container in a directory whose name is the container's id,
// such as /var/lib/docker/containers/<id>/hostname. Mounts of image layers and volumes have
// directories with such names too.
constexpr std::array<std::string_view, 3> engine_files{"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"};

bool is_id(std::string_view name) {
  return name.size() == id_length &&
         std::ranges::all_of(name, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string find_container_id(std::string_view mountinfo) {
  while (!mountinfo.empty()) {
    std::string_view line = take_until(mountinfo, '\n');
    for (int skipped = 0; skipped < 3; ++skipped) take_until(line, ' ');  // mount, parent, device
    std::string_view root = take_until(line, ' ');
    const std::string_view mount_point = take_until(line, ' ');
    if (std::ranges::find(engine_files, mount_point) == engine_files.end()) continue;
    while (!root.empty())
      if (const std::string_view name = take_until(root, '/'); is_id(name)) return std::string(name);
  }
  return {};
}

}  // namespace ostiary::platform
