#include "ostiary/telemetry/env_file.h"

#include <algorithm>

#include "ostiary/base/text.h"

namespace ostiary::telemetry {
namespace {

constexpr std::string_view quoted_quote = "'\\''";

bool can_begin_name(char c) {
  return is_letter(c) || c == '_';
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && can_begin_name(name.front()) &&
         std::ranges::all_of(name, [](char c) { return can_begin_name(c) || is_digit(c); });
}

size_t quoted_size(std::string_view text) {
  return text.size() + 2 + static_cast<size_t>(std::ranges::count(text, '\'')) * (quoted_quote.size() - 1);
}

void append_quoted(std::string& out, std::string_view text) {
  out += '\'';
  for (const char c : text) {
    if (c == '\'')
      out += quoted_quote;
    else
      out += c;
  }
  out += '\'';
}

}  // namespace

Result<Secret> render_env_file(std::span<const std::pair<std::string_view, std::string_view>> variables) {
  size_t size = 0;
  for (const auto& [name, value] : variables) {
    if (!is_variable_name(name))
      return fail(Exit::configuration,
                  "a variable's name is not one that sh can assign: use letters, digits and '_'");
    if (value.contains('\0'))
      return fail(Exit::configuration, std::string(name) + ": its value has a NUL: remove it");
    size += name.size() + quoted_size(value) + 2;
  }
  // Allocate the full size first: a string that grows leaves unwiped copies of the secrets.
  std::string file;
  file.reserve(std::max<size_t>(size, 64));
  for (const auto& [name, value] : variables) {
    file.append(name).append("=");
    append_quoted(file, value);
    file += '\n';
  }
  return Secret(std::move(file));
}

namespace {

std::unexpected<Error> malformed() {
  return fail(Exit::unavailable, "the file was changed after ostiary run wrote it: boot again");
}

// Removes a quoted value and the newline after it from the text, and returns the value.
Result<Secret> take_quoted(std::string_view& text) {
  if (!text.starts_with('\'')) return malformed();
  std::string value;
  value.reserve(text.size());
  for (size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '\0') break;
    if (text[at] != '\'') {
      value += text[at];
    } else if (text.substr(at).starts_with(quoted_quote)) {
      value += '\'';
      at += quoted_quote.size() - 1;
    } else if (text.substr(at).starts_with("'\n")) {
      text.remove_prefix(at + 2);
      return Secret(std::move(value));
    } else {
      break;
    }
  }
  wipe(value);
  return malformed();
}

}  // namespace

Result<std::vector<EnvFileLine>> parse_env_file(std::string_view text) {
  std::vector<EnvFileLine> lines;
  while (!text.empty()) {
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos || !is_variable_name(text.substr(0, equals))) return malformed();
    std::string name(text.substr(0, equals));
    text.remove_prefix(equals + 1);
    lines.push_back({std::move(name), TRY(take_quoted(text))});
  }
  return lines;
}

}  // namespace ostiary::telemetry
