// A session's variables for tests.
#pragma once

#include <map>
#include <string_view>

#include "ostiary/policy/presets.h"

namespace ostiary::policy {

inline Lookup variables(std::map<std::string_view, std::string_view> values = {}) {
  return [values = std::move(values)](std::string_view name) -> std::string_view {
    const auto found = values.find(name);
    return found == values.end() ? std::string_view() : found->second;
  };
}

}  // namespace ostiary::policy
