// policy/presets.h: the presets: named lists of hosts.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/result.h"

namespace ostiary::policy {

// Returns the value of a variable of the session, or an empty text.
using Lookup = std::function<std::string_view(std::string_view name)>;

struct Preset {
  std::string_view name;
  std::string_view purpose;
  // Entries as in "allow". The placeholders are {AWS_REGION} and {VERTEX_HOST}. Their values come
  // from the session's variables.
  std::span<const std::string_view> entries;
};

std::span<const Preset> presets();

// The preset's entries with every placeholder filled in. Fails if the name is unknown, or if the
// region is missing or malformed. The error says what to write or set.
Result<std::vector<std::string>> expand_preset(std::string_view name, const Lookup& variable);

// The host that serves Vertex AI in a region: "global", "us", "eu" or a region like "us-east5".
Result<std::string> vertex_host(std::string_view region);

}  // namespace ostiary::policy
