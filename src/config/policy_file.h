// config/policy_file.h: parses the policy file and the Coder module's object that it may contain.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "ostiary/config/config.h"
#include "ostiary/config/located_json.h"

namespace ostiary::config {

struct PolicyFile {
  GivenSettings settings;
  std::optional<Node> allow;
  std::optional<Module> module;
  std::vector<NamedText> resource_attributes;
  std::vector<RelayEntry> relays;  // without their credentials
};

// `path` is for error messages.
Result<PolicyFile> parse_policy_file(std::string_view text, const std::string& path);

// `origin` is for error messages: a variable or the path of a file.
Result<Module> parse_module(const Node& object, const std::string& origin);

}  // namespace ostiary::config
