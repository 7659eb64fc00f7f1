// config/made_up.h: an invented container: its environment, files and command line.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "ostiary/config/config.h"
#include "outcome.h"

namespace ostiary::config {

struct MadeUp {
  std::vector<std::string> environment = {};
  std::map<std::string, std::string> files = {};
  std::map<std::string_view, std::string> flags = {};  // by key
};

inline Sources sources_of(const MadeUp& container) {
  GivenSettings flags;
  for (const Setting& setting : settings)
    if (const auto found = container.flags.find(setting.key); found != container.flags.end())
      flags[setting.key] = {found->second, std::string(setting.flag)};
  return {Environment(container.environment), std::move(flags),
          [files = container.files](const std::string& path) -> Result<std::optional<std::string>> {
            const auto found = files.find(path);
            if (found == files.end()) return std::nullopt;
            return found->second;
          }};
}

inline Result<Config> config_of(const MadeUp& container) {
  return read_config(sources_of(container));
}

// For a container without errors.
inline Config good_config(const MadeUp& container) {
  auto config = config_of(container);
  REQUIRE_MESSAGE(config, error_of(config));
  return *std::move(config);
}

}  // namespace ostiary::config
