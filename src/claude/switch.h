// claude/switch.h: reads a switch in the same way as Claude Code.
#pragma once

#include <string>
#include <string_view>

#include "ostiary/base/text.h"

namespace ostiary::claude {

inline bool is_on(std::string_view value) {
  const std::string lower = to_lower(value);
  return lower == "1" || lower == "true" || lower == "yes" || lower == "on";
}

}  // namespace ostiary::claude
