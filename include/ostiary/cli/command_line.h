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
#include "ostiary/connect/settings.h"

namespace ostiary::cli {

inline constexpr std::array<std::string_view, 7> subcommands{"run",     "plan",   "exec",     "env",
                                                             "presets", "status", "telemetry"};

enum class Form : uint8_t { text, json };
using connect::Secrets;

// The position of the program's name. As the first word it may be a mistyped command.
enum class CommandPosition : uint8_t { after_run_or_flags, first_word };

struct Run {
  config::GivenSettings flags;
  std::vector<std::string> command;
  std::string warning = {};  // about an argument that can be meant in two ways
  CommandPosition position = CommandPosition::after_run_or_flags;
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
// `ostiary telemetry connect`
struct ConnectTelemetry {
  enum class Scope : uint8_t { user, managed, print };

  connect::Request request;  // without the headers
  std::string header_file = {};
  std::string header_name = {};
  Scope scope = Scope::user;
  connect::Form form = connect::Form::json;
  Secrets secrets = Secrets::masked;
};
struct UndoTelemetry {
  connect::Kind scope = connect::Kind::user;
};
struct CheckTelemetry {
  enum class Scope : uint8_t { all, user, managed, environment };

  Scope scope = Scope::all;
};
// `ostiary telemetry local`
struct LocalTelemetry {
  connect::Request request;  // without the endpoint
  std::string profile = {};  // empty: that of the last start
  std::string stack = {};    // its directory; empty: that of the installation
};
struct Print {  // --help, --version
  std::string text;
};

using Invocation = std::variant<Run, Plan, Exec, Env, Presets, Status, ConnectTelemetry, UndoTelemetry,
                                CheckTelemetry, LocalTelemetry, Print>;

// `arguments` has no program name: argv without argv[0].
Result<Invocation> parse_command_line(std::span<const std::string> arguments);

}  // namespace ostiary::cli
