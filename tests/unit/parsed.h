// parsed.h: a JSON value of ours as the library's, which compares and searches values.
#pragma once

#include <nlohmann/json.hpp>

#include "ostiary/base/json.h"

namespace ostiary::testing {

inline nlohmann::json parsed(const Json& json) {
  return nlohmann::json::parse(json.compact());
}

}  // namespace ostiary::testing
