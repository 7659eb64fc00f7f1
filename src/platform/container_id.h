// platform/container_id.h: finds the container's id in the text of /proc/self/mountinfo. Pure.
#pragma once

#include <string>
#include <string_view>

namespace ostiary::platform {

// 64 hexadecimal digits. Empty if the text has no id from Docker or Podman.
std::string find_container_id(std::string_view mountinfo);

}  // namespace ostiary::platform
