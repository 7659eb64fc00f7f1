// config/parts.h: parts of a JSON object, for the readers of the policy file.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "ostiary/config/located_json.h"

namespace ostiary::config {

inline std::string place(const std::string& path, size_t line) {
  return path + ": line " + std::to_string(line);
}

// Adds the key to an error in its value: in a file of one line, the line number does not identify
// the value.
template <typename T>
Result<T> value_for(std::string_view key, Result<T> value) {
  if (value) return value;
  return std::unexpected(of_key(std::move(value).error(), key));
}

// Returns a member of an object, or nullptr. Terraform writes null for a member that is not set.
inline const Node* find_part(const Node& object, std::string_view key) {
  const Node* part = object.find(key);
  return part == nullptr || part->kind() == Kind::null ? nullptr : part;
}

}  // namespace ostiary::config
