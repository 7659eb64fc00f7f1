// telemetry/pairs.h: splits the comma-separated k=v lists of OpenTelemetry.
#pragma once

#include <string_view>
#include <vector>

#include "ostiary/base/text.h"

namespace ostiary::telemetry {

// The trimmed pieces between commas. A blank text has no pieces. A stray comma adds an empty piece.
inline std::vector<std::string_view> split_pairs(std::string_view text) {
  if (trim(text).empty()) return {};
  std::vector<std::string_view> pairs = split(text, ',');
  for (std::string_view& pair : pairs) pair = trim(pair);
  return pairs;
}

}  // namespace ostiary::telemetry
