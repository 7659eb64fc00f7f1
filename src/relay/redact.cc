#include "relay/redact.h"

#include "ostiary/base/text.h"

namespace ostiary::relay {
namespace {

void replace_all(std::string& text, std::string_view part, std::string_view by) {
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + by.size()))
    text.replace(at, part.size(), by);
}

// Whether a part of the secret is in the text, such as one that was cut, or between escapes.
bool has_part_of(std::string_view text, std::string_view secret) {
  constexpr size_t part_octets = 8;
  for (size_t at = 0; at + part_octets <= secret.size(); ++at)
    if (text.contains(secret.substr(at, part_octets))) return true;
  return false;
}

}  // namespace

std::string without_credentials(std::string text, std::string_view header_lines) {
  constexpr size_t shortest = 4;
  while (!header_lines.empty()) {
    std::string_view line = take_until(header_lines, '\n');
    (void)take_until(line, ':');
    const std::string_view value = trim(line.substr(0, line.find('\r')));
    const std::string_view token = value.substr(value.rfind(' ') + 1);  // without "Bearer"
    for (const std::string_view secret : {value, token})
      if (secret.size() >= shortest) replace_all(text, secret, "(secret)");
    if (has_part_of(text, token)) return "(a text with a part of the secret)";
  }
  return text;
}

}  // namespace ostiary::relay
