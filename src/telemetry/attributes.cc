#include "ostiary/telemetry/attributes.h"

#include <algorithm>
#include <map>

#include "ostiary/base/encoding.h"
#include "ostiary/base/text.h"
#include "telemetry/pairs.h"

namespace ostiary::telemetry {
namespace {

constexpr size_t max_encoded = 255;
constexpr size_t max_shown = 64;

std::unexpected<Error> refuse(std::string message) {
  return fail(Exit::configuration, std::move(message));
}

bool is_key_character(char c) {
  return is_letter(c) || is_digit(c) || std::string_view("._-").contains(c);
}

// An untrusted text, quoted for one line of a message.
std::string shown(std::string_view text) {
  std::string line = "'";
  for (const char c : text.substr(0, max_shown)) line += c >= 0x20 && c < 0x7f ? c : '?';
  return line + (text.size() > max_shown ? "…'" : "'");
}

Result<> check_key(std::string_view key, const std::string& where) {
  if (key.empty()) return refuse(where + " has an empty key: write key=value");
  if (key.size() > max_encoded)
    return refuse(where + " has a key of more than 255 characters: write a shorter one");
  if (!std::ranges::all_of(key, is_key_character))
    return refuse(
        where +
        " has a key with a character that is not a letter, a digit, '.', '_' or '-': write only these");
  return {};
}

Result<> check_value(std::string_view value, const std::string& where) {
  for (std::string_view rest = value; !rest.empty();) {
    const auto character = first_character(rest);
    if (!character) return refuse(where + " has a value that is not UTF-8: write it in UTF-8");
    if (is_control(*character))
      return refuse(where + " has a control character in its value: write it without newlines and the like");
    rest.remove_prefix(character->size);
  }
  if (percent_encoded_size(value) > max_encoded)
    return refuse(where + " has a value of more than 255 characters when encoded: write a shorter one");
  return {};
}

Result<Attribute> parse_pair(std::string_view pair, size_t position, std::string_view source) {
  if (pair.empty()) return refuse("pair " + std::to_string(position) + " is empty: remove the stray comma");
  // Show only the key. The value may be a secret in the wrong variable.
  const size_t equals = pair.find('=');
  const std::string key_alone =
      equals == std::string_view::npos ? "" : " (" + shown(pair.substr(0, equals)) + ")";
  const std::string where = "pair " + std::to_string(position) + key_alone;
  const auto signs = std::ranges::count(pair, '=');
  if (signs == 0) return refuse(where + " has no '=': write key=value, and %2C for a comma in a value");
  if (signs > 1) return refuse(where + " has more than one '=': write %3D for one in a value");
  const std::string_view key = trim(pair.substr(0, equals));
  const std::string_view encoded = trim(pair.substr(equals + 1));
  TRY(check_key(key, where));
  if (!is_percent_encoded(encoded))
    return refuse(where + " has a '%' without two hexadecimal digits after it: write %25 for a percent sign");
  std::string value;
  append_percent_decoded(value, encoded);
  TRY(check_value(value, where));
  return Attribute{std::string(key), std::move(value), std::string(source)};
}

}  // namespace

Result<std::vector<Attribute>> parse_attributes(std::string_view text, std::string_view source) {
  std::vector<Attribute> attributes;
  for (const std::string_view pair : split_pairs(text))
    attributes.push_back(TRY(parse_pair(pair, attributes.size() + 1, source)));
  return attributes;
}

Result<Attribute> check_attribute(std::string_view key, std::string_view value, std::string_view source) {
  const std::string where = "attribute " + shown(key);
  TRY(check_key(key, where));
  TRY(check_value(value, where));
  return Attribute{std::string(key), std::string(value), std::string(source)};
}

std::optional<Attribute> automatic_attribute(std::string_view key, std::string_view value,
                                             std::string_view source) {
  std::string fit;
  size_t encoded = 0;
  while (!value.empty()) {
    const auto character = first_character(value);
    const std::string_view octets = value.substr(0, character ? character->size : 1);
    value.remove_prefix(octets.size());
    if (!character || is_control(*character)) continue;
    encoded += percent_encoded_size(octets);
    if (encoded > max_encoded) break;
    fit += octets;
  }
  if (fit.empty()) return std::nullopt;
  return Attribute{std::string(key), std::move(fit), std::string(source)};
}

std::vector<Attribute> merge(std::vector<std::vector<Attribute>> weakest_first) {
  std::map<std::string, Attribute> by_key;
  for (auto& attributes : weakest_first) {
    for (Attribute& attribute : attributes) {
      std::string key = attribute.key;
      by_key.insert_or_assign(std::move(key), std::move(attribute));
    }
  }
  std::vector<Attribute> merged;
  merged.reserve(by_key.size());
  for (auto& [key, attribute] : by_key) merged.push_back(std::move(attribute));
  return merged;
}

std::string encode_attributes(std::span<const Attribute> attributes) {
  std::string list;
  for (const Attribute& attribute : attributes) {
    if (!list.empty()) list += ',';
    list.append(attribute.key).append("=");
    append_percent_encoded(list, attribute.value);
  }
  return list;
}

}  // namespace ostiary::telemetry
