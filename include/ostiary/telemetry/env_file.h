// telemetry/env_file.h: writes variables, with any values, as a file that sh can source.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"

namespace ostiary::telemetry {

// Writes KEY='value' for each variable, on one line unless the value contains a newline. Fails if
// sh cannot assign a name, or if a value contains a NUL.
Result<Secret> render_env_file(std::span<const std::pair<std::string_view, std::string_view>> variables);

struct EnvFileLine {
  std::string name;
  Secret value;
};

// Reads a text that render_env_file() wrote.
Result<std::vector<EnvFileLine>> parse_env_file(std::string_view text);

}  // namespace ostiary::telemetry
