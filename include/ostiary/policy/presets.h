// policy/presets.h: lists of hosts that have a name.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/result.h"

namespace ostiary::policy {

// The session's variables: the value of one, or an empty text.
using Lookup = std::function<std::string_view(std::string_view name)>;

struct Preset {
  std::string_view name;
  std::string_view purpose;
  // Entries as in "allow". {AWS_REGION} and {VERTEX_HOST} stand for what the session's variables say.
  std::span<const std::string_view> entries;
};

std::span<const Preset> presets();

// The preset's entries with every placeholder filled in. An unknown name and a region that is missing or not
// a region are errors that say what to write or set.
Result<std::vector<std::string>> expand_preset(std::string_view name, const Lookup& variable);

// The host that serves Vertex AI in a region: "global", "us", "eu" or a region like "us-east5".
Result<std::string> vertex_host(std::string_view region);

}  // namespace ostiary::policy
