// connect/variables.h: the variables in the text of a settings file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"

namespace ostiary::connect {

struct SettingsVariable {
  std::string name;
  Secret value;
};

// As Claude Code reads them: a number is its text.
Result<std::vector<SettingsVariable>> read_variables(std::string_view text);

}  // namespace ostiary::connect
