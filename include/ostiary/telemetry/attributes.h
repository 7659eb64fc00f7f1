// telemetry/attributes.h: resource attributes, what every point of telemetry says about where it comes from.
// Claude Code drops all of them, silently, when one is malformed. So an Attribute is always fit to be told:
// - its key is 1 to 255 of [A-Za-z0-9._-];
// - its value is UTF-8 text without control characters, decoded, and takes at most 255 characters encoded.
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
  std::string source;  // for people: the variable, file or platform that said so

  bool operator==(const Attribute&) const = default;
};

// Reads the form of OTEL_RESOURCE_ATTRIBUTES, "key=value,key2=value2". Percent sequences in values are
// decoded; other characters need not be encoded, but for ',', '=' and '%'. The error shows the offending
// pair.
Result<std::vector<Attribute>> parse_attributes(std::string_view text, std::string_view source);

// One attribute of a map. Its value is text as it is: a '%' is a percent sign.
Result<Attribute> check_attribute(std::string_view key, std::string_view value, std::string_view source);

// One attribute that nobody wrote for us: what does not fit is left out of the value, and an empty value is
// no attribute. The key must be fit.
std::optional<Attribute> automatic_attribute(std::string_view key, std::string_view value,
                                             std::string_view source);

// What the platform says by itself: see platform/platform.h.
struct PlatformAttributes {
  std::vector<std::string> platforms;
  std::vector<Attribute> attributes;
};

// Sorted by key. Of several with one key the last, in the strongest list, holds.
std::vector<Attribute> merge(std::vector<std::vector<Attribute>> weakest_first);

// The list as Claude Code reads it. Keys must be distinct.
std::string encode_attributes(std::span<const Attribute> attributes);

}  // namespace ostiary::telemetry
