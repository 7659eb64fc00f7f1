#include "telemetry_line.h"

#include <algorithm>
#include <array>

#include "flags.h"
#include "ostiary/base/nearest.h"
#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"

namespace ostiary::cli {
namespace {

constexpr std::array<std::string_view, 4> commands{"local", "connect", "check", "undo"};

constexpr std::string_view about =
    R"(Claude Code's telemetry outside of `ostiary run`.

Usage: ostiary telemetry COMMAND ...

  local [FLAGS]                    start a collector, stores and dashboards here, and send telemetry to them
  connect --endpoint URL [FLAGS]   write Claude Code's settings, so that it sends telemetry to a collector
  check [--scope SCOPE]            send a batch of each signal, and say what the collector answers and what to do
  undo [--scope SCOPE]             the settings as they were before connect

  COMMAND --help                   print the flags of a command
)";

constexpr std::string_view local_about =
    R"(Starts a collector, stores and dashboards on this machine, and writes Claude Code's settings so that its telemetry
goes there. Then sends one marked batch of each signal, and waits until the stores have it.

It needs Docker or Podman with Compose, and Python 3. All ports are those of 127.0.0.1. The stack stays, with its data,
over restarts of the machine; the program STACK/stack stops it and shows its state. `ostiary telemetry undo` writes the
settings as they were.

Examples:
  ostiary telemetry local
  ostiary telemetry local --profile apache --attribute team=platform --prompts)";

constexpr std::string_view local_footer =
    R"(Exit status: 0, or 64 usage, 66 there is no stack, 69 the stack, the collector or a store does not answer, 77 not
permitted, 78 the settings so far are wrong.)";

constexpr std::string_view connect_about =
    R"(Writes all variables into Claude Code's settings that it needs to send traces, metrics and logs to a collector.

Claude Code reads them at its next start. Other settings stay, in their order. Beside the file are copies of it,
FILE.before-ostiary and FILE.after-ostiary, for `ostiary telemetry undo`.

Examples:
  ostiary telemetry connect --endpoint https://otel.example.com --header-file ~/otel-header --attribute team=platform
  ostiary telemetry connect --endpoint http://127.0.0.1:4317 --protocol grpc
  ostiary telemetry connect --endpoint https://otel.example.com --header Authorization < token)";

constexpr std::string_view connect_footer =
    R"(A collector's endpoint is the URL without /v1/metrics and the like, which Claude Code appends. A collector that you start
with its standard ports takes http/protobuf at http://HOST:4318, and grpc at http://HOST:4317.

A header is a secret, so its value is never an argument: other users see arguments. The file of --header-file has lines
"Name: value", or the text of OTEL_EXPORTER_OTLP_HEADERS.

Exit status: 0, or 64 usage, 66 a file is missing, 69 the file was changed meanwhile, 77 not permitted, 78 a value or the
settings so far are wrong.)";

constexpr std::string_view check_about =
    R"(Sends one span, one metric and one event, each in the way of Claude Code, and says what the collector answers.

The settings are those that Claude Code reads for every project: variables of this shell, over them the user's settings,
over them managed settings. Each batch has the resource attribute ostiary.check with a fresh value, by which you find it
in your backend.)";

constexpr std::string_view check_footer =
    R"(Exit status: 0 if the collector took all three; 69 if not; 64 usage, 77 not permitted, 78 the settings are wrong.)";

constexpr std::string_view undo_about =
    R"(Writes the settings as they were before `ostiary telemetry connect`.

If the file was changed since, what connect wrote is taken out, what it replaced comes back, and all else stays.)";

std::string full_name(std::string_view command) {
  return "telemetry " + std::string(command);
}

std::string_view given_text(const GivenFlags& given, std::string_view flag) {
  const auto found = given.find(flag);
  return found == given.end() ? std::string_view() : found->second;
}

// Reports values that are missing, for which the library would take the next flag.
Result<> check_values(const Syntax& syntax, std::span<const std::string> arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view written = std::string_view(arguments[i]).substr(0, arguments[i].find('='));
    const auto flag = std::ranges::find(syntax.flags, written, &Flag::name);
    if (flag == syntax.flags.end() || flag->kind == Flag::Kind::on_or_off) continue;
    const bool has_equals = written.size() < arguments[i].size();
    const std::string_view value = has_equals ? std::string_view(arguments[i]).substr(written.size() + 1)
                                   : i + 1 < arguments.size() ? std::string_view(arguments[++i])
                                                              : std::string_view();
    if (!value.empty() && (has_equals || !value.starts_with("--"))) continue;
    return usage_error(syntax.subcommand, std::string(written) + " has no value: write " +
                                              std::string(written) + " " + std::string(flag->value));
  }
  return {};
}

Result<std::variant<GivenFlags, HelpText>> read(const Syntax& syntax,
                                                std::span<const std::string> arguments) {
  TRY(check_values(syntax, arguments));
  return read_flags(syntax, {arguments.begin(), arguments.end()});
}

template <typename Value, size_t Count>
using Words = std::array<std::pair<std::string_view, Value>, Count>;

template <typename Value, size_t Count>
Result<Value> read_word(const Syntax& syntax, const GivenFlags& given, std::string_view flag,
                        const Words<Value, Count>& words) {
  const auto found = given.find(flag);
  if (found == given.end()) return words.front().second;
  std::vector<std::string_view> known;
  for (const auto& [word, value] : words) {
    if (found->second == word) return value;
    known.push_back(word);
  }
  return usage_error(syntax.subcommand, std::string(flag) + ": " + quote_refused(found->second) +
                                            " is not one of its values: write one of " + join(known, ", "));
}

constexpr Words<ConnectTelemetry::Scope, 3> connect_scopes{{{"user", ConnectTelemetry::Scope::user},
                                                            {"managed", ConnectTelemetry::Scope::managed},
                                                            {"print", ConnectTelemetry::Scope::print}}};
constexpr Words<connect::Kind, 2> scopes{
    {{"user", connect::Kind::user}, {"managed", connect::Kind::managed}}};
constexpr Words<connect::Form, 3> forms{
    {{"json", connect::Form::json}, {"plist", connect::Form::plist}, {"reg", connect::Form::reg}}};

const Flag attribute_flag{"--attribute", Flag::Kind::each, "KEY=VALUE",
                          "A resource attribute of all telemetry, as in team=platform; can be repeated"};

void add_content_switches(Syntax& syntax) {
  for (const connect::ContentSwitch& each : connect::content_switches)
    syntax.flags.push_back({each.flag, Flag::Kind::on_or_off, "",
                            std::string(each.help) + " [" + std::string(each.variable) + "]"});
}

void read_attributes_and_content(const GivenFlags& given, connect::Request& request) {
  if (const auto attributes = given.find("--attribute"); attributes != given.end())
    for (const std::string_view each : split(attributes->second, '\0')) request.attributes.emplace_back(each);
  for (const connect::ContentSwitch& each : connect::content_switches)
    if (given.contains(each.flag))
      request.content.emplace_back(
          each.variable, given_text(given, each.flag) == "true" ? config::Choice::yes : config::Choice::no);
}

Syntax connect_syntax(std::string_view name) {
  using Kind = Flag::Kind;
  Syntax syntax{
      .subcommand = name,
      .form = "--endpoint URL [FLAGS]",
      .about = connect_about,
      .flags =
          {{"--endpoint", Kind::one_value, "URL", "The collector's URL, with http:// or https://"},
           {"--protocol", Kind::one_value, "PROTOCOL",
            "http/protobuf, http/json or grpc (default: http/protobuf)"},
           {"--header-file", Kind::one_value, "FILE",
            "A file with headers for the collector; -: standard input"},
           {"--header", Kind::one_value, "NAME", "The name of a header whose value is on standard input"},
           attribute_flag,
           {"--temporality", Kind::one_value, "TEMPORALITY",
            "delta or cumulative (default: delta; for Grafana Cloud cumulative)"},
           {"--scope", Kind::one_value, "SCOPE",
            "user: your own settings; managed: those of all users of this machine, as root; print: print "
            "managed settings for a fleet, and write nothing (default: user)"},
           {"--form", Kind::one_value, "FORM",
            "With --scope print: json; plist for macOS; reg for the registry of Windows (default: json)"},
           {"--reveal", Kind::on_or_off, "", "With --scope print: print the secret too"}},
      .footer = connect_footer};
  add_content_switches(syntax);
  return syntax;
}

Syntax local_syntax(std::string_view name) {
  using Kind = Flag::Kind;
  Syntax syntax{
      .subcommand = name,
      .form = "[FLAGS]",
      .about = local_about,
      .flags = {{"--profile", Kind::one_value, "PROFILE",
                 "grafana: Prometheus, Loki, Tempo, Grafana; apache: Prometheus, VictoriaLogs, Jaeger "
                 "(default: that of the last start, at first grafana)"},
                attribute_flag,
                {"--stack", Kind::one_value, "DIR",
                 "The directory container/stack (default: that of the installation)"}},
      .footer = local_footer};
  add_content_switches(syntax);
  return syntax;
}

Result<> check_together(const Syntax& syntax, const GivenFlags& given, ConnectTelemetry::Scope scope) {
  if (!given.contains("--endpoint"))
    return usage_error(
        syntax.subcommand,
        "there is no endpoint: write --endpoint URL, as in --endpoint https://collector.example:4318");
  if (given.contains("--header") && given.contains("--header-file"))
    return usage_error(syntax.subcommand, "--header and --header-file are both given: keep one of them");
  for (const std::string_view flag : {"--form", "--reveal"})
    if (given.contains(flag) && scope != ConnectTelemetry::Scope::print)
      return usage_error(syntax.subcommand,
                         std::string(flag) + " has an effect only with --scope print: leave it out");
  return {};
}

Result<Invocation> parse_connect(std::span<const std::string> arguments) {
  const std::string name = full_name("connect");
  const Syntax syntax = connect_syntax(name);
  auto read_line = TRY(read(syntax, arguments));
  if (auto* const help = std::get_if<HelpText>(&read_line)) return Print{std::move(help->text)};
  const auto& given = std::get<GivenFlags>(read_line);
  ConnectTelemetry command;
  command.scope = TRY(read_word(syntax, given, "--scope", connect_scopes));
  command.form = TRY(read_word(syntax, given, "--form", forms));
  TRY(check_together(syntax, given, command.scope));
  command.secrets = given_text(given, "--reveal") == "true" ? Secrets::revealed : Secrets::masked;
  command.header_file = given_text(given, "--header-file");
  command.header_name = given_text(given, "--header");
  command.request.endpoint = given_text(given, "--endpoint");
  command.request.protocol = given_text(given, "--protocol");
  command.request.temporality = given_text(given, "--temporality");
  read_attributes_and_content(given, command.request);
  return command;
}

Result<Invocation> parse_local(std::span<const std::string> arguments) {
  const std::string name = full_name("local");
  const Syntax syntax = local_syntax(name);
  auto read_line = TRY(read(syntax, arguments));
  if (auto* const help = std::get_if<HelpText>(&read_line)) return Print{std::move(help->text)};
  const auto& given = std::get<GivenFlags>(read_line);
  LocalTelemetry command;
  command.profile = given_text(given, "--profile");
  command.stack = given_text(given, "--stack");
  read_attributes_and_content(given, command.request);
  return command;
}

Result<Invocation> parse_undo(std::span<const std::string> arguments) {
  const std::string name = full_name("undo");
  const Syntax syntax{
      .subcommand = name,
      .form = "[--scope SCOPE]",
      .about = undo_about,
      .flags = {{"--scope", Flag::Kind::one_value, "SCOPE",
                 "user: your own settings; managed: those of all users, as root (default: user)"}}};
  auto read_line = TRY(read(syntax, arguments));
  if (auto* const help = std::get_if<HelpText>(&read_line)) return Print{std::move(help->text)};
  return UndoTelemetry{TRY(read_word(syntax, std::get<GivenFlags>(read_line), "--scope", scopes))};
}

constexpr Words<CheckTelemetry::Scope, 4> check_scopes{{{"all", CheckTelemetry::Scope::all},
                                                        {"user", CheckTelemetry::Scope::user},
                                                        {"managed", CheckTelemetry::Scope::managed},
                                                        {"environment", CheckTelemetry::Scope::environment}}};

Result<Invocation> parse_check(std::span<const std::string> arguments) {
  const std::string name = full_name("check");
  const Syntax syntax{
      .subcommand = name,
      .form = "[--scope SCOPE]",
      .about = check_about,
      .flags = {{"--scope", Flag::Kind::one_value, "SCOPE",
                 "all: as Claude Code reads them; user, managed or environment: those alone (default: all)"}},
      .footer = check_footer};
  auto read_line = TRY(read(syntax, arguments));
  if (auto* const help = std::get_if<HelpText>(&read_line)) return Print{std::move(help->text)};
  return CheckTelemetry{TRY(read_word(syntax, std::get<GivenFlags>(read_line), "--scope", check_scopes))};
}

}  // namespace

Result<Invocation> parse_telemetry(std::span<const std::string> arguments) {
  if (arguments.empty() || arguments.front() == "--help" || arguments.front() == "-h")
    return Print{std::string(about)};
  const std::string& command = arguments.front();
  const auto rest = arguments.subspan(1);
  if (command == "local") return parse_local(rest);
  if (command == "connect") return parse_connect(rest);
  if (command == "check") return parse_check(rest);
  if (command == "undo") return parse_undo(rest);
  const std::string_view meant = nearest(command, commands);
  return usage_error("telemetry", quote(command) + " is not a command of ostiary telemetry: write " +
                                      (meant.empty() ? join(commands, ", ") : std::string(meant)));
}

}  // namespace ostiary::cli
