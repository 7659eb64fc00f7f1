#include "ostiary/cli/command_line.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/ranges.h>

#include "ostiary/base/nearest.h"
#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"
#include "ostiary/config/config.h"
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

  --version, --help                print the version, this text; ostiary COMMAND --help describes a command

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

// A switch with a word, such as --no-derive=yes. `setting` is nullptr for any other argument.
struct WrittenSwitch {
  const Setting* setting = nullptr;
  std::string_view word;
};
WrittenSwitch written_switch(std::string_view argument) {
  const size_t end = argument.find('=');
  if (end == std::string_view::npos) return {};
  const auto* const setting = std::ranges::find(settings, argument.substr(0, end), &Setting::flag);
  if (setting == settings.end() || !is_switch(*setting)) return {};
  return {setting, argument.substr(end + 1)};
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

// ---- one subcommand

// The library would add [OPTIONS] after the form, but options there belong to the program.
class Usage : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string form) const override { return "Usage: " + form + "\n"; }
};

class Syntax : public CLI::App {
 public:
  Syntax(std::string_view about_it, const std::string& form) : CLI::App(std::string(about_it), form) {
    formatter(std::make_shared<Usage>());
  }
};

struct Given {
  std::map<std::string_view, std::string> values;  // by key
  std::map<std::string_view, std::vector<std::string>> lists;
  std::map<std::string_view, bool> switches;
};

void add_settings(CLI::App& app, Given& given) {
  for (const Setting& setting : settings) {
    const std::string flag(setting.flag);
    const std::string help = std::string(setting.help) + " [" + std::string(setting.variable) + "]";
    const std::string value(setting.value);
    if (is_switch(setting))
      app.add_flag(flag, given.switches[setting.key], help);
    else if (setting.kind == ValueKind::list)
      app.add_option(flag, given.lists[setting.key], help)->type_name(value)->allow_extra_args(false);
    else
      app.add_option(flag, given.values[setting.key], help)->type_name(value)->take_last();
  }
}

std::string text_of(const Setting& setting, const Given& given) {
  switch (setting.kind) {
    case ValueKind::on_or_off:
      return given.switches.at(setting.key) ? "true" : "false";
    case ValueKind::list:
      return fmt::format("{}", fmt::join(given.lists.at(setting.key), ","));
    default:
      return given.values.at(setting.key);
  }
}

config::GivenSettings collect(const CLI::App& app, const Given& given) {
  config::GivenSettings flags;
  for (const Setting& setting : settings) {
    if (app.count(std::string(setting.flag)) == 0) continue;
    flags[setting.key] = {text_of(setting, given), std::string(setting.flag)};
  }
  return flags;
}

std::unexpected<Error> usage(std::string_view subcommand, const std::string& message) {
  return fail(Exit::usage, message + ": see ostiary " + std::string(subcommand) + " --help");
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
  if (value.empty()) return usage(subcommand, flag + " has no value" + form + ", or leave it out");
  if (setting.kind == ValueKind::list && has_empty_entry(value))
    return usage(subcommand, flag + " has an empty entry" + form + ", entries with one comma between them");
  return {};
}

std::string no_value(const Setting& setting) {
  return std::string(setting.flag) + " has no value: write " + std::string(setting.flag) + " " +
         std::string(setting.value);
}

// Reports missing values, for which the library would take the next flag. Replaces the word of a
// switch by true or false.
Result<> check_values(std::span<std::string> flags, std::string_view subcommand) {
  for (size_t i = 0; i < flags.size(); ++i) {
    if (const auto [setting, word] = written_switch(flags[i]); setting != nullptr) {
      const std::string flag(setting->flag);
      const auto choice = config::parse_switch(word);
      if (!choice)
        return usage(subcommand, flag + ": " + quote_refused(word) + " is neither true nor false: write " +
                                     flag + ", or " + flag + "=false");
      flags[i] = flag + (*choice == config::Choice::yes ? "=true" : "=false");
      continue;
    }
    const size_t equals = flags[i].find('=');
    const Setting* setting = awaits_value(std::string_view(flags[i]).substr(0, equals));
    if (setting == nullptr) continue;
    if (equals != std::string::npos) {
      TRY(check_value(*setting, std::string_view(flags[i]).substr(equals + 1), subcommand));
      continue;
    }
    ++i;
    if (i == flags.size() || is_flag(flags[i])) return usage(subcommand, no_value(*setting));
    if (flags[i].starts_with('-'))
      return usage(subcommand, no_value(*setting) + "; a value that begins with - follows an equals sign, " +
                                   std::string(setting->flag) + "=-...");
    TRY(check_value(*setting, flags[i], subcommand));
  }
  return {};
}

std::string unknown_flag(const CLI::App& app, std::string_view argument) {
  const std::string_view written = argument.substr(0, argument.find('='));
  if (!written.starts_with('-')) return "this command takes no arguments; found " + quote(argument);
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) names.push_back(option->get_name());
  const std::vector<std::string_view> words(names.begin(), names.end());
  const std::string_view meant = nearest(written, words);
  return "there is no flag " + quote(written) + (meant.empty() ? "" : ", perhaps " + std::string(meant));
}

// Reads the flags. Returns the text of --help if they ask for it.
Result<std::optional<std::string>> parse(CLI::App& app, std::string_view subcommand,
                                         std::vector<std::string> flags) {
  std::ranges::reverse(flags);  // the library expects them in reverse order
  try {
    app.parse(std::move(flags));
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    return app.help();
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> extras = app.remaining();
    return usage(subcommand, unknown_flag(app, extras.empty() ? "" : extras.front()));
  } catch (const CLI::ArgumentMismatch& error) {
    return usage(subcommand, error.what());
  } catch (const CLI::ParseError& error) {
    return usage(subcommand, error.what());
  }
}

Result<> check_program(std::string_view subcommand, const std::vector<std::string>& command) {
  if (command.empty() || !command.front().empty()) return {};
  return usage(subcommand, "the program's name is empty");
}

std::string command_form(std::string_view subcommand, std::string_view rest) {
  return "ostiary " + std::string(subcommand) + (rest.empty() ? "" : " ") + std::string(rest);
}

Result<Invocation> parse_run(std::span<const std::string> arguments,
                             CommandPosition position = CommandPosition::after_run_or_flags) {
  Syntax app{run_about, command_form("run", "[FLAGS] [--] [PROGRAM...]")};
  app.footer(std::string(run_footer));
  Given given;
  add_settings(app, given);
  Split split = split_command(arguments);
  TRY(check_values(split.flags, "run"));
  if (const auto help = TRY(parse(app, "run", std::move(split.flags)))) return Print{*help};
  TRY(check_program("run", split.command));
  return Run{collect(app, given), std::move(split.command), std::move(split.warning), position};
}

Result<Invocation> parse_plan(std::span<const std::string> arguments) {
  Syntax app{
      "Prints what `ostiary run` would do with the same flags, environment and files, and stops.\nPrints no "
      "secret.",
      command_form("plan", "[--json] [FLAGS] [--] [PROGRAM...]")};
  Given given;
  bool json = false;
  app.add_flag("--json", json, "Print JSON, which docs/plan.md describes");
  add_settings(app, given);
  Split split = split_command(arguments);
  TRY(check_values(split.flags, "plan"));
  if (const auto help = TRY(parse(app, "plan", std::move(split.flags)))) return Print{*help};
  TRY(check_program("plan", split.command));
  return Plan{collect(app, given), std::move(split.command), std::move(split.warning),
              json ? Form::json : Form::text};
}

Result<Invocation> parse_exec(std::span<const std::string> arguments) {
  Syntax app{
      "Runs PROGRAM with the identity, environment and confinement of the agent that was booted here.\n"
      "For `docker exec`, `fly ssh console` and the like; root only.",
      command_form("exec", "[--] PROGRAM...")};
  Split split = split_command(arguments);
  if (const auto help = TRY(parse(app, "exec", std::move(split.flags)))) return Print{*help};
  if (split.command.empty()) return usage("exec", "there is no program to run");
  TRY(check_program("exec", split.command));
  return Exec{std::move(split.command)};
}

Result<Invocation> parse_env(std::span<const std::string> arguments) {
  Syntax app{"Prints the telemetry environment that the last boot wrote to /run/ostiary/otel.env; root only.",
             command_form("env", "[--reveal]")};
  bool reveal = false;
  app.add_flag("--reveal", reveal, "Print secrets too, in a form that sh can source");
  if (const auto help = TRY(parse(app, "env", {arguments.begin(), arguments.end()}))) return Print{*help};
  return Env{reveal ? Secrets::revealed : Secrets::masked};
}

// A command without flags.
template <typename Command>
Result<Invocation> parse_plain(std::string_view subcommand, std::string_view about_it,
                               std::span<const std::string> arguments) {
  Syntax app{about_it, command_form(subcommand, "")};
  if (const auto help = TRY(parse(app, subcommand, {arguments.begin(), arguments.end()})))
    return Print{*help};
  return Command{};
}

}  // namespace

Result<Invocation> parse_command_line(std::span<const std::string> arguments) {
  if (arguments.empty()) return parse_run(arguments);
  const std::string& first = arguments.front();
  if (first == "--version") return Print{"ostiary " + std::string(program_version) + "\n"};
  if (first == "--help" || first == "-h") return Print{std::string(about) + "\n"};
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
  return parse_run(rest);
}

}  // namespace ostiary::cli
