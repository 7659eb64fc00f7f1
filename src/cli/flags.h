// cli/flags.h: reads the flags of one command with CLI11.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ostiary/base/result.h"

namespace ostiary::cli {

struct Flag {
  enum class Kind : uint8_t { on_or_off, one_value, list, each };

  std::string_view name;  // "--allow"
  Kind kind;
  std::string_view value;  // its form, for the help
  std::string help;
  std::string_view key = {};  // of its setting, if it is a list
};

struct Syntax {
  std::string_view subcommand;
  std::string_view form;  // what follows the subcommand
  std::string_view about;
  std::vector<Flag> flags = {};
  std::string_view footer = {};
};

// The values of the flags that were given, by the name of the flag. A switch is "true" or "false".
// The entries of a list have commas between them, and the values of `each` a NUL.
using GivenFlags = std::map<std::string_view, std::string>;
struct HelpText {
  std::string text;
};

// An error names the subcommand and its --help.
Result<std::variant<GivenFlags, HelpText>> read_flags(const Syntax& syntax,
                                                      std::vector<std::string> arguments);

std::unexpected<Error> usage_error(std::string_view subcommand, const std::string& message);

}  // namespace ostiary::cli
