#include "ostiary/cli/command_line.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "flags.h"
#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"
#include "ostiary/config/config.h"
#include "telemetry_line.h"
#include "version.h"

namespace ostiary::cli {
namespace {

using config::Setting;
using config::settings;
using config::ValueKind;

constexpr std::string_view about =
    R"(An entrypoint for containers that run Claude Code: process 1, egress gate, telemetry.

Usage: ostiary COMMAND ...

  run [FLAGS] [--] [PROGRAM...]    boot, then run PROGRAM (default: claude) as the agent
  plan [--json] [FLAGS] [--] ...   print the plan of a run, and stop
  exec [--] PROGRAM...             start a further session, confined like the agent; root only
  env [--reveal]                   print the telemetry environment of the last boot; root only
  status                           print what the last boot opened, and the result of its self-test; root only
  presets                          print the presets: lists of hosts that a rule can name, as in preset:github
  telemetry COMMAND ...            Claude Code's telemetry on a machine of yours: local, connect, check, undo

  --version, --help                print the version, this text
  help COMMAND, COMMAND --help     print the flags of a command

An ENTRYPOINT needs no command word: `ostiary claude -p hi` is `ostiary run -- claude -p hi`, and `ostiary` alone runs
claude.)";

constexpr std::string_view run_about =
    R"(Boots in two phases, then runs PROGRAM (default: claude) as the agent.

Phase 1 denies all traffic, starts the gate, opens the hosts of the policy and tests the confinement. Then the auth hook
runs, if there is one. Phase 2 writes the telemetry environment, confines the agent and starts it. ostiary stays as
PID 1, or as a child subreaper: it reaps orphans, forwards signals, and ends with the agent's status.

Example:  ostiary run --user node --workdir /work -- claude -p "hello")";

constexpr std::string_view run_footer =
    R"(Each flag has its variable in brackets. A flag overrides its variable, and the variable overrides the policy file. The
entries of --allow add up instead. A flag with ... after its value can be repeated.

Telemetry comes from GRAFANA_INSTANCE_ID, GRAFANA_API_TOKEN and GRAFANA_OTLP_ENDPOINT; or from OTEL_EXPORTER_OTLP_*; or
from the object in OSTIARY_TELEMETRY. A secret is the value of NAME, or the content of the file that NAME_FILE names, or
of /run/secrets/NAME.

Exit status: the agent's, 128 + n if signal n ended it; 64 usage, 66 a named file is missing, 69 the gate could not be
opened, 77 not permitted, 78 configuration, 126 not executable, 127 not found.)";

constexpr std::string_view plan_about =
    R"(Prints what `ostiary run` would do with the same flags, environment and files, and stops.
Prints no secret.)";

constexpr std::string_view exec_about =
    R"(Runs PROGRAM with the identity, environment and confinement of the agent that was booted here.
For `docker exec`, `fly ssh console` and the like; root only.)";

constexpr std::string_view env_about =
    "Prints the telemetry environment that the last boot wrote to /run/ostiary/otel.env; root only.";

bool is_subcommand(std::string_view word) {
  return std::ranges::find(subcommands, word) != subcommands.end();
}

bool is_switch(const Setting& setting) {
  return setting.kind == ValueKind::on_or_off;
}

// ---- the end of the flags and the beginning of the command

// The setting whose value is the next argument, or nullptr.
const Setting* awaits_value(std::string_view argument) {
  const auto* const setting = std::ranges::find(settings, argument, &Setting::flag);
  return setting == settings.end() || is_switch(*setting) ? nullptr : setting;
}

bool is_flag(std::string_view argument) {
  return argument == "--" || argument == "--help" ||
         std::ranges::find(settings, argument.substr(0, argument.find('=')), &Setting::flag) !=
             settings.end();
}

struct Split {
  std::vector<std::string> flags;
  std::vector<std::string> command;
  std::string warning = {};
};

// Warns if the program may be meant as the word of a switch: --no-derive false.
std::string ambiguity_warning(const Split& split) {
  const auto* const last =
      split.flags.empty() ? settings.end() : std::ranges::find(settings, split.flags.back(), &Setting::flag);
  if (last == settings.end() || !is_switch(*last) || split.command.empty() ||
      !config::parse_switch(split.command.front()))
    return {};
  const std::string flag(last->flag);
  return quote(split.command.front()) + " is taken as the program, and " + flag + " as set: write " + flag +
         "=" + split.command.front() + ", or -- before a program";
}

// The command begins after "--", or with the first argument that is neither a flag nor the value of
// a flag.
Split split_command(std::span<const std::string> arguments) {
  size_t next = 0;
  while (next < arguments.size() && arguments[next].starts_with('-') && arguments[next] != "--")
    next += awaits_value(arguments[next]) != nullptr ? 2 : 1;
  const size_t end_of_flags = std::min(next, arguments.size());
  const bool marked = next < arguments.size() && arguments[next] == "--";
  if (marked) ++next;
  Split split;
  split.flags.assign(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(end_of_flags));
  if (next < arguments.size())
    split.command.assign(arguments.begin() + static_cast<std::ptrdiff_t>(next), arguments.end());
  if (!marked) split.warning = ambiguity_warning(split);
  return split;
}

// ---- one command

Flag::Kind kind_of(const Setting& setting) {
  if (is_switch(setting)) return Flag::Kind::on_or_off;
  return setting.kind == ValueKind::list ? Flag::Kind::list : Flag::Kind::one_value;
}

std::vector<Flag> flags_of_settings() {
  std::vector<Flag> flags;
  for (const Setting& setting : settings) {
    std::string help;
    append(help, {setting.help, " [", setting.variable, "]"});
    flags.push_back({setting.flag, kind_of(setting), setting.value, std::move(help), setting.key});
  }
  return flags;
}

config::GivenSettings given_settings(const GivenFlags& flags) {
  config::GivenSettings given;
  for (const Setting& setting : settings)
    if (const auto flag = flags.find(setting.flag); flag != flags.end())
      given[setting.key] = {flag->second, std::string(setting.flag)};
  return given;
}

// An entry is usually empty because the name of a shell variable is misspelled.
bool has_empty_entry(std::string_view list) {
  return std::ranges::any_of(split(list, ','), [](std::string_view entry) {
    return entry.find_first_not_of(" \t\r\n") == std::string_view::npos;
  });
}

Result<> check_value(const Setting& setting, std::string_view value, std::string_view subcommand) {
  const std::string flag(setting.flag);
  const std::string form = ": write " + flag + " " + std::string(setting.value);
  if (value.empty()) return usage_error(subcommand, flag + " has no value" + form + ", or leave it out");
  if (setting.kind == ValueKind::list && has_empty_entry(value))
    return usage_error(subcommand,
                       flag + " has an empty entry" + form + ", entries with one comma between them");
  return {};
}

std::string no_value(const Setting& setting) {
  return std::string(setting.flag) + " has no value: write " + std::string(setting.flag) + " " +
         std::string(setting.value);
}

// Reports missing values, for which the library would take the next flag.
Result<> check_values(std::span<const std::string> flags, std::string_view subcommand) {
  for (size_t i = 0; i < flags.size(); ++i) {
    const size_t equals = flags[i].find('=');
    const Setting* setting = awaits_value(std::string_view(flags[i]).substr(0, equals));
    if (setting == nullptr) continue;
    if (equals != std::string::npos) {
      TRY(check_value(*setting, std::string_view(flags[i]).substr(equals + 1), subcommand));
      continue;
    }
    ++i;
    if (i == flags.size() || is_flag(flags[i])) return usage_error(subcommand, no_value(*setting));
    if (flags[i].starts_with('-'))
      return usage_error(subcommand, no_value(*setting) +
                                         "; a value that begins with - follows an equals sign, " +
                                         std::string(setting->flag) + "=-...");
    TRY(check_value(*setting, flags[i], subcommand));
  }
  return {};
}

Result<> check_program(std::string_view subcommand, const std::vector<std::string>& command) {
  if (command.empty() || !command.front().empty()) return {};
  return usage_error(subcommand, "the program's name is empty");
}

bool is_on(const GivenFlags& given, std::string_view flag) {
  const auto found = given.find(flag);
  return found != given.end() && found->second == "true";
}

// Reads the flags of a command whose syntax has no settings.
Result<std::variant<GivenFlags, HelpText>> read_plain(const Syntax& syntax,
                                                      std::span<const std::string> arguments) {
  return read_flags(syntax, {arguments.begin(), arguments.end()});
}

Result<Invocation> parse_run(std::span<const std::string> arguments,
                             CommandPosition position = CommandPosition::after_run_or_flags) {
  Split split = split_command(arguments);
  TRY(check_values(split.flags, "run"));
  auto read = TRY(read_flags({.subcommand = "run",
                              .form = "[FLAGS] [--] [PROGRAM...]",
                              .about = run_about,
                              .flags = flags_of_settings(),
                              .footer = run_footer},
                             std::move(split.flags)));
  if (auto* const help = std::get_if<HelpText>(&read)) return Print{std::move(help->text)};
  TRY(check_program("run", split.command));
  return Run{given_settings(std::get<GivenFlags>(read)), std::move(split.command), std::move(split.warning),
             position};
}

Result<Invocation> parse_plan(std::span<const std::string> arguments) {
  constexpr std::string_view json = "--json";
  Split split = split_command(arguments);
  TRY(check_values(split.flags, "plan"));
  std::vector<Flag> flags = flags_of_settings();
  flags.insert(flags.begin(), {json, Flag::Kind::on_or_off, "", "Print JSON, which docs/plan.md describes"});
  auto read = TRY(read_flags({.subcommand = "plan",
                              .form = "[--json] [FLAGS] [--] [PROGRAM...]",
                              .about = plan_about,
                              .flags = std::move(flags)},
                             std::move(split.flags)));
  if (auto* const help = std::get_if<HelpText>(&read)) return Print{std::move(help->text)};
  TRY(check_program("plan", split.command));
  const auto& given = std::get<GivenFlags>(read);
  return Plan{given_settings(given), std::move(split.command), std::move(split.warning),
              is_on(given, json) ? Form::json : Form::text};
}

Result<Invocation> parse_exec(std::span<const std::string> arguments) {
  Split split = split_command(arguments);
  auto read = TRY(read_flags({.subcommand = "exec", .form = "[--] PROGRAM...", .about = exec_about},
                             std::move(split.flags)));
  if (auto* const help = std::get_if<HelpText>(&read)) return Print{std::move(help->text)};
  if (split.command.empty()) return usage_error("exec", "there is no program to run");
  TRY(check_program("exec", split.command));
  return Exec{std::move(split.command)};
}

Result<Invocation> parse_env(std::span<const std::string> arguments) {
  constexpr std::string_view reveal = "--reveal";
  auto read = TRY(read_plain(
      {.subcommand = "env",
       .form = "[--reveal]",
       .about = env_about,
       .flags = {{reveal, Flag::Kind::on_or_off, "", "Print secrets too, in a form that sh can source"}}},
      arguments));
  if (auto* const help = std::get_if<HelpText>(&read)) return Print{std::move(help->text)};
  const auto& given = std::get<GivenFlags>(read);
  return Env{is_on(given, reveal) ? Secrets::revealed : Secrets::masked};
}

// A command without flags.
template <typename Command>
Result<Invocation> parse_plain(std::string_view subcommand, std::string_view about_it,
                               std::span<const std::string> arguments) {
  auto read = TRY(read_plain({.subcommand = subcommand, .form = "", .about = about_it}, arguments));
  if (auto* const help = std::get_if<HelpText>(&read)) return Print{std::move(help->text)};
  return Command{};
}

// The same as --help, of ostiary or of the command.
Result<Invocation> parse_help(std::span<const std::string> arguments) {
  if (arguments.empty()) return Print{std::string(about) + "\n"};
  const std::string& command = arguments.front();
  if (command == "telemetry" && arguments.size() > 1)
    return parse_command_line(std::array<std::string, 3>{command, arguments[1], "--help"});
  if (is_subcommand(command)) return parse_command_line(std::array<std::string, 2>{command, "--help"});
  return fail(Exit::usage,
              quote(command) + " is not a command of ostiary: the commands are " + join(subcommands, ", "));
}

}  // namespace

Result<Invocation> parse_command_line(std::span<const std::string> arguments) {
  if (arguments.empty()) return parse_run(arguments);
  const std::string& first = arguments.front();
  if (first == "--version") return Print{"ostiary " + std::string(program_version) + "\n"};
  if (first == "--help" || first == "-h") return parse_help({});
  if (first == "help") return parse_help(arguments.subspan(1));
  if (!is_subcommand(first))
    return parse_run(arguments, first.starts_with('-') ? CommandPosition::after_run_or_flags
                                                       : CommandPosition::first_word);
  const auto rest = arguments.subspan(1);
  if (first == "plan") return parse_plan(rest);
  if (first == "exec") return parse_exec(rest);
  if (first == "env") return parse_env(rest);
  if (first == "presets")
    return parse_plain<Presets>(first, "Prints the presets, each with its hosts: --allow preset:github.",
                                rest);
  if (first == "status")
    return parse_plain<Status>(
        first, "Prints what the last boot opened, and the result of its self-test; root only.", rest);
  if (first == "telemetry") return parse_telemetry(rest);
  return parse_run(rest);
}

}  // namespace ostiary::cli
