// telemetry/env_file.h: variables as a file that sh can source, whatever their values hold.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"

namespace ostiary::telemetry {

// 'text', with each single quote in it as '\''.
std::string quote_for_sh(std::string_view text);

// One line KEY='value' a variable; a newline in a value stays one. A name that sh cannot assign is an error.
Result<Secret> render_env_file(std::span<const std::pair<std::string_view, std::string_view>> variables);

struct EnvFileLine {
  std::string name;
  Secret value;
};

// The reverse of the above, for a text that it wrote.
Result<std::vector<EnvFileLine>> parse_env_file(std::string_view text);

}  // namespace ostiary::telemetry
