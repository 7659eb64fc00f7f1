// telemetry/pairs.h: splits the comma-separated k=v lists of OpenTelemetry.
#pragma once

#include <string_view>
#include <vector>

namespace ostiary::telemetry {

inline std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// The trimmed pieces between commas. A blank text has no pieces. A stray comma adds an empty piece.
inline std::vector<std::string_view> split_pairs(std::string_view text) {
  std::vector<std::string_view> pairs;
  if (trim(text).empty()) return pairs;
  for (;;) {
    const size_t comma = text.find(',');
    pairs.push_back(trim(text.substr(0, comma)));
    if (comma == std::string_view::npos) return pairs;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace ostiary::telemetry
