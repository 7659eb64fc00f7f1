#include <span>

#include <sys/stat.h>

#include "ostiary/base/escape.h"
#include "ostiary/base/log.h"
#include "ostiary/base/read_file.h"
#include "ostiary/base/text.h"
#include "ostiary/confine/confine.h"
#include "ostiary/connect/settings_file.h"
#include "output.h"
#include "standard_input.h"
#include "telemetry_commands.h"

namespace ostiary::cli {
namespace {

// ---- headers

// Neither text is shown: a header may have been written in place of its name or its file.
Result<> check_header_name(std::string_view name) {
  if (name.find_first_of(":=, \t") == std::string_view::npos) return {};
  return fail(
      Exit::usage,
      "--header is followed by more than a name: write --header Authorization, and the value, such as "
      "Bearer TOKEN, on standard input");
}

Result<Secret> read_header_file(const std::string& path) {
  if (is_absent(path) && path.find_first_of(":= ") != std::string::npos)
    return fail(
        Exit::missing_input,
        "--header-file is followed by no file that exists: write the header into a file, and its name there");
  struct stat found{};
  if (::stat(path.c_str(), &found) == 0 && S_ISFIFO(found.st_mode))
    return fail(Exit::missing_input,
                "--header-file " + escape_controls(path) +
                    " is a pipe: write --header-file -, and the headers on standard input");
  return Secret(TRY(read_file(path, max_input_octets)));
}

Result<std::optional<config::Sourced>> read_headers(const ConnectTelemetry& command) {
  if (!command.header_name.empty()) {
    TRY(check_header_name(command.header_name));
    const Secret value = TRY(read_standard_input());
    const std::string label = command.header_name + ":";
    if (equal_ignoring_case(trim(value.reveal()).substr(0, label.size()), label))
      return fail(Exit::configuration,
                  "--header, standard input: begins with the header's name: write its value alone, such as "
                  "Bearer TOKEN");
    return config::Sourced{connect::join_header(command.header_name, value.reveal()),
                           "--header, standard input"};
  }
  if (command.header_file.empty()) return std::nullopt;
  const bool is_input = command.header_file == "-";
  const Secret text = is_input ? TRY(read_standard_input()) : TRY(read_header_file(command.header_file));
  Secret list = connect::read_headers(text.reveal());
  const std::string origin =
      "--header-file" + (is_input ? ", standard input" : " " + escape_controls(command.header_file));
  if (list.empty()) return fail(Exit::configuration, origin + ": is empty: write a line Name: value into it");
  return config::Sourced{std::move(list), origin};
}

// ---- what was done

void say_changed_since(const std::vector<std::string>& members) {
  if (!members.empty())
    log::warn("changed since connect wrote them, so they stay: " + escape_controls(join(members, ", ")));
}

std::string report(const connect::Connected& connected, const std::string& path, connect::Kind kind,
                   std::span<const std::string> managed) {
  const bool is_managed = kind == connect::Kind::managed;
  const std::string& target = connected.settings.target;
  std::string text;
  append(text, {escape_controls(path), connected.target.empty() ? "" : ", a link to ",
                escape_controls(connected.target)});
  if (managed.empty())
    append(text, {": Claude Code sends telemetry to ", target, " from its next start on\n"});
  else
    append(text,
           {": has the settings for ", target, ", but managed settings also say where telemetry is sent\n"});
  const std::string_view scope = is_managed ? " --scope managed" : "";
  append(text, {"check: ostiary telemetry check", scope, "\nundo: ostiary telemetry undo", scope, "\n"});
  return text;
}

// Other managed settings that say where telemetry is sent. They override the user's, and later files of them earlier ones.
std::vector<std::string> other_managed_settings(const std::string& written) {
  const auto layers = connect::read_managed_layers();
  if (!layers) return {};
  std::vector<std::string> paths = connect::routing_layers(*layers);
  std::erase(paths, written);
  return paths;
}

void warn(const connect::Connected& connected, connect::Kind kind, std::span<const std::string> managed) {
  if (!managed.empty())
    log::warn("also say where telemetry is sent, for all users of this machine: " +
              escape_controls(join(managed, ", ")) + ": ostiary telemetry check shows which settings count");
  for (const std::string& warning : connected.settings.warnings) log::warn(warning);
  if (!connected.settings.taken_out.empty())
    log::warn("taken out of the settings, because they would send telemetry elsewhere: " +
              escape_controls(join(connected.settings.taken_out, ", ")));
  if (kind == connect::Kind::managed && connected.settings.has_secret)
    log::warn(
        "every user of this machine can read the header in this file, as Claude Code must: use a token that "
        "can only send telemetry");
  say_changed_since(connected.kept);
}

}  // namespace

Result<int> execute_connect(ConnectTelemetry command, const config::Environment& environment) {
  TRY(confine::hide_memory());
  using Scope = ConnectTelemetry::Scope;
  const connect::Kind kind = command.scope == Scope::user ? connect::Kind::user : connect::Kind::managed;
  command.request.headers = TRY(read_headers(command));
  // So that a mistake in the flags is not that of a file.
  const connect::NewSettings alone =
      TRY(connect::make_settings(command.request, kind, "{}\n", command.secrets));
  if (command.scope == Scope::print) {
    for (const std::string& warning : alone.warnings) log::warn(warning);
    return print(TRY(connect::write_form(alone.text, command.form)).reveal());
  }
  const std::string path = TRY(connect::find_settings_file(kind, environment));
  const connect::Connected connected = TRY(connect::write_settings(path, kind, [&](std::string_view text) {
    return connect::make_settings(command.request, kind, text);
  }));
  const std::vector<std::string> managed = other_managed_settings(path);
  warn(connected, kind, managed);
  return print(report(connected, path, kind, managed));
}

Result<int> execute_undo(const UndoTelemetry& command, const config::Environment& environment) {
  TRY(confine::hide_memory());
  const std::string path = TRY(connect::find_settings_file(command.scope, environment));
  const connect::Undoing undoing = TRY(connect::undo_settings(path));
  say_changed_since(undoing.kept);
  const std::string shown = escape_controls(path);
  switch (undoing.undone) {
    case connect::Undone::restored:
      return print(shown + ": as it was before connect\n");
    case connect::Undone::removed:
      return print(shown + ": removed, as there was none before connect\n");
    case connect::Undone::own_members_taken_out:
      break;
  }
  return print(shown + ": was changed since connect, so only what connect wrote is as it was before\n");
}

}  // namespace ostiary::cli
