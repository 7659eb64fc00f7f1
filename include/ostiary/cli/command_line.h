// cli/command_line.h: the command line as a value.
// `ostiary PROGRAM …` is `ostiary run -- PROGRAM …`, and `ostiary` alone runs claude.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/config/settings.h"

namespace ostiary::cli {

inline constexpr std::array<std::string_view, 6> subcommands{"run", "plan",    "exec",
                                                             "env", "presets", "status"};

enum class Form : uint8_t { text, json };
enum class Secrets : uint8_t { masked, revealed };

// What the program's name stands behind: "run" or flags, or nothing, so that it could be a mistyped command.
enum class CommandPosition : uint8_t { behind_run, first_word };

struct Run {
  config::GivenSettings flags;
  std::vector<std::string> command;
  std::string warning = {};  // of an argument that can be read in two ways
  CommandPosition position = CommandPosition::behind_run;
};
struct Plan {
  config::GivenSettings flags;
  std::vector<std::string> command;
  std::string warning = {};
  Form form = Form::text;
};
struct Exec {
  std::vector<std::string> command;
};
struct Env {
  Secrets secrets = Secrets::masked;
};
struct Presets {};
struct Status {};
struct Print {  // --help, --version
  std::string text;
};

using Invocation = std::variant<Run, Plan, Exec, Env, Presets, Status, Print>;

// The arguments without the program's own name.
Result<Invocation> parse_command_line(std::span<const std::string> arguments);

}  // namespace ostiary::cli
