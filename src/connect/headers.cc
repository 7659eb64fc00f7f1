#include <algorithm>

#include "ostiary/base/text.h"
#include "ostiary/connect/settings.h"

namespace ostiary::connect {
namespace {

// Of the text of all headers, with each character encoded.
std::string room_for(std::string_view text) {
  constexpr size_t encoded_size = 3;
  std::string room;
  room.reserve(encoded_size * text.size() + 64);
  return room;
}

// Commas separate headers, so one in a value is encoded. The reader of the list decodes it, and refuses the value.
void append_header(std::string& list, std::string_view name, std::string_view value) {
  if (!list.empty()) list += ',';
  append(list, {trim(name), "="});
  for (const char c : trim(value)) {
    if (c == '%')
      list += "%25";
    else if (c == ',')
      list += "%2C";
    else
      list += c;
  }
}

std::string_view without_line_end(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

}  // namespace

Secret read_headers(std::string_view text) {
  constexpr std::string_view variable = "OTEL_EXPORTER_OTLP_HEADERS=";
  text = without_line_end(text);
  if (text.starts_with(variable)) text.remove_prefix(variable.size());
  if (text.find(':') > text.find('=')) return Secret(std::string(text));
  std::string list = room_for(text);
  while (!text.empty()) {
    std::string_view value = without_line_end(take_until(text, '\n'));
    const std::string_view name = take_until(value, ':');
    if (!trim(name).empty()) append_header(list, name, value);
  }
  return Secret(std::move(list));
}

Secret join_header(std::string_view name, std::string_view value) {
  std::string list = room_for(value);
  append_header(list, name, without_line_end(value));
  return Secret(std::move(list));
}

}  // namespace ostiary::connect
