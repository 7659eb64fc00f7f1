// Headers, resource attributes, and the file of variables. A strict reader of each format reads
// back what was written.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fuzz.h"
#include "ostiary/telemetry/attributes.h"
#include "ostiary/telemetry/env_file.h"
#include "telemetry/headers.h"

using namespace ostiary;
using namespace ostiary::telemetry;

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

// "a=b,c=d": splits at every comma and at the first '=', and trims. No other character is special.
Pairs split(std::string_view list) {
  Pairs pairs;
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    const std::string_view pair = list.substr(0, comma);
    const size_t equals = pair.find('=');
    HOLDS(equals != std::string_view::npos);
    pairs.emplace_back(trimmed(pair.substr(0, equals)), trimmed(pair.substr(equals + 1)));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return pairs;
}

// The W3C Baggage format, as the specification says: baggage-octets and percent-encoding only.
std::string decoded(std::string_view value) {
  std::string text;
  for (size_t at = 0; at < value.size(); ++at) {
    const auto c = static_cast<uint8_t>(value[at]);
    HOLDS(c > 0x20 && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\');
    if (c != '%') {
      text += value[at];
      continue;
    }
    HOLDS(at + 2 < value.size());
    size_t read = 0;
    text += static_cast<char>(std::stoi(std::string(value.substr(at + 1, 2)), &read, 16));
    HOLDS(read == 2);
    at += 2;
  }
  return text;
}

void check_headers(std::string_view text) {
  const auto headers = parse_headers(text);
  if (!headers) return HOLDS(fuzz::is_one_line(headers.error()));
  const Secret list = encode_headers(*headers);
  const Pairs pairs = split(list.reveal());
  HOLDS(pairs.size() == headers->size());
  for (size_t i = 0; i < pairs.size(); ++i) {
    HOLDS(pairs[i].first == (*headers)[i].name && pairs[i].second == (*headers)[i].value.reveal());
    // RFC 9110, 5.1 and 5.5.
    HOLDS(pairs[i].first.find_first_of(" \t\"(),/:;<=>?@[\\]{}") == std::string::npos);
    for (const char c : pairs[i].first) HOLDS(c > 0x20 && c < 0x7f);
    for (const char c : pairs[i].second) HOLDS(c >= 0x20 && c < 0x7f);
    HOLDS(!pairs[i].second.empty());
  }
}

bool is_utf8_without_controls(std::string_view text) {
  while (!text.empty()) {
    const size_t size = fuzz::utf8_size(text);
    const auto first = static_cast<uint8_t>(text[0]);
    if (size == 0 || (size == 1 && (first < 0x20 || first == 0x7f))) return false;
    if (size == 2 && first == 0xc2 && static_cast<uint8_t>(text[1]) < 0xa0) return false;
    text.remove_prefix(size);
  }
  return true;
}

void check_attribute_list(const std::vector<Attribute>& attributes) {
  const Pairs pairs = split(encode_attributes(attributes));
  HOLDS(pairs.size() == attributes.size());
  for (size_t i = 0; i < pairs.size(); ++i) {
    HOLDS(pairs[i].first == attributes[i].key && decoded(pairs[i].second) == attributes[i].value);
    HOLDS(!pairs[i].first.empty() && pairs[i].first.size() <= 255 && pairs[i].second.size() <= 255);
    HOLDS(is_utf8_without_controls(attributes[i].value));
  }
}

void check_attributes(std::string_view text) {
  const auto attributes = parse_attributes(text, "a test");
  if (!attributes) return HOLDS(fuzz::is_one_line(attributes.error()));
  check_attribute_list(*attributes);
  const auto merged = merge({*attributes, *attributes});
  for (size_t i = 1; i < merged.size(); ++i) HOLDS(merged[i - 1].key < merged[i].key);
  check_attribute_list(merged);
  const auto again = parse_attributes(encode_attributes(merged), "a test");
  HOLDS(again && *again == merged);
}

void check_one_attribute(std::string_view key, std::string_view value) {
  const auto checked = check_attribute(key, value, "a test");
  if (checked)
    check_attribute_list({*checked});
  else
    HOLDS(fuzz::is_one_line(checked.error()));
  // For a value that no user wrote: as much as fits, and all of it if it fits.
  const auto fit = automatic_attribute("host.name", value, "a test");
  if (fit) check_attribute_list({*fit});
  if (checked && !value.empty()) HOLDS(fit && fit->value == value);
}

void check_one_header(std::string_view name, std::string_view value) {
  const auto header = make_header(std::string(name), Secret(std::string(value)));
  if (!header) return HOLDS(fuzz::is_one_line(header.error()));
  std::vector<Header> one;
  one.push_back({header->name, header->value.clone()});
  const Pairs pairs = split(encode_headers(one).reveal());
  HOLDS(pairs.size() == 1 && pairs[0].first == name && pairs[0].second == header->value.reveal());
}

// RFC 4648, 4.
void check_basic(std::string_view user, std::string_view password) {
  const Secret made = basic_authorization(user, Secret(std::string(password)));
  std::string_view code = made.reveal();
  HOLDS(code.starts_with("Basic "));
  code.remove_prefix(6);
  HOLDS(code.size() % 4 == 0);
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (uint32_t held = 0, bits = 0; const char c : code) {
    if (c == '=') break;
    HOLDS(letters.contains(c));
    held = held << 6U | static_cast<uint32_t>(letters.find(c));
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    text += static_cast<char>(held >> bits & 0xffU);
  }
  HOLDS(text == std::string(user) + ":" + std::string(password));
}

// POSIX sh, 2.2: in single quotes every character is literal; a backslash outside quotes the next
// character.
Pairs read_as_sh(std::string_view file) {
  Pairs variables;
  while (!file.empty()) {
    const size_t equals = file.find('=');
    HOLDS(equals != std::string_view::npos);
    std::string name(file.substr(0, equals));
    std::string value;
    for (file.remove_prefix(equals + 1); !file.starts_with('\n');) {
      HOLDS(!file.empty() && (file[0] == '\'' || file[0] == '\\'));
      const size_t end = file[0] == '\\' ? 2 : file.find('\'', 1);
      HOLDS(end <= file.size());
      value += file.substr(1, end - 1);
      file.remove_prefix(file[0] == '\\' ? 2 : end + 1);
    }
    file.remove_prefix(1);
    variables.emplace_back(std::move(name), std::move(value));
  }
  return variables;
}

void check_env_file(fuzz::Input input) {
  std::vector<std::pair<std::string_view, std::string_view>> variables;
  while (!input.empty()) {
    const std::string_view name = input.text_until('=');
    variables.emplace_back(name, fuzz::as_text(input.take(input.octet())));
  }
  const auto file = render_env_file(variables);
  if (!file) return HOLDS(fuzz::is_one_line(file.error()));
  const Pairs read = read_as_sh(file->reveal());
  HOLDS(read.size() == variables.size());
  for (size_t i = 0; i < read.size(); ++i)
    HOLDS(read[i].first == variables[i].first && read[i].second == variables[i].second);
  const auto lines = parse_env_file(file->reveal());
  HOLDS(lines && lines->size() == variables.size());
  for (size_t i = 0; i < lines->size(); ++i)
    HOLDS((*lines)[i].name == variables[i].first && (*lines)[i].value.reveal() == variables[i].second);
}

// A file from another writer: accepted only if render_env_file() could have written it.
void check_foreign_env_file(std::string_view text) {
  const auto lines = parse_env_file(text);
  if (!lines) return HOLDS(fuzz::is_one_line(lines.error()));
  std::vector<std::pair<std::string_view, std::string_view>> variables;
  for (const EnvFileLine& line : *lines) variables.emplace_back(line.name, line.value.reveal());
  const auto again = render_env_file(variables);
  HOLDS(again && again->reveal() == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  switch (input.octet()) {
    case 'h':
      check_headers(input.rest_as_text());
      break;
    case 'a':
      check_attributes(input.rest_as_text());
      break;
    case 'e':
      check_env_file(input);
      break;
    case 'f':
      check_foreign_env_file(input.rest_as_text());
      break;
    default: {
      const std::string_view name = input.text_until('=');
      const std::string_view value = input.rest_as_text();
      check_one_header(name, value);
      check_one_attribute(name, value);
      check_basic(name, value);
    }
  }
  return 0;
}
