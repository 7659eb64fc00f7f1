// telemetry/attributes.h: resource attributes, which describe the origin of all telemetry.
// Claude Code silently drops all attributes if one is malformed. So an Attribute is always valid:
// - The key has 1 to 255 characters of [A-Za-z0-9._-].
// - The value is UTF-8 text without control characters. It is decoded here, and has at most 255
//   characters when encoded.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/result.h"

namespace ostiary::telemetry {

struct Attribute {
  std::string key;
  std::string value;
  std::string source;  // for people: the variable, file or platform that the attribute comes from

  bool operator==(const Attribute&) const = default;
};

// Reads the form of OTEL_RESOURCE_ATTRIBUTES, "key=value,key2=value2". Decodes percent sequences in
// values. Only ',', '=' and '%' must be encoded. An error shows the position and the key of the
// pair.
Result<std::vector<Attribute>> parse_attributes(std::string_view text, std::string_view source);

// Checks one attribute of a map. The value is not encoded: a '%' is a percent sign.
Result<Attribute> check_attribute(std::string_view key, std::string_view value, std::string_view source);

// Makes an attribute from a value that the user did not write. Leaves out characters that are not
// valid, and the end of a value that is too long. Returns nothing for an empty value. Requires a
// valid key.
std::optional<Attribute> automatic_attribute(std::string_view key, std::string_view value,
                                             std::string_view source);

// The platforms, and the attributes that they give: see platform/platform.h.
struct PlatformAttributes {
  std::vector<std::string> platforms;
  std::vector<Attribute> attributes;
};

// Merges the lists, sorted by key. A later attribute replaces an earlier one with the same key.
std::vector<Attribute> merge(std::vector<std::vector<Attribute>> weakest_first);

// Writes the list in the form that Claude Code reads. Requires distinct keys.
std::string encode_attributes(std::span<const Attribute> attributes);

}  // namespace ostiary::telemetry
