// platform/container_id.h: which container this is, read from the text of /proc/self/mountinfo.
#pragma once

#include <string>
#include <string_view>

namespace ostiary::platform {

// 64 hexadecimal digits, or empty where Docker and Podman did not say.
std::string find_container_id(std::string_view mountinfo);

}  // namespace ostiary::platform
