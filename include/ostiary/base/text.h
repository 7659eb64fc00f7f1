// base/text.h: small operations on text.
// Letters are those of ASCII, in every locale. An octet above 0x7f is no letter and has no
// case.
#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ostiary {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr bool is_lower_case(char c) {
  return c >= 'a' && c <= 'z';
}

constexpr bool is_letter(char c) {
  return is_lower_case(c) || (c >= 'A' && c <= 'Z');
}

// Whether the character is ASCII and visible. A space is not.
constexpr bool is_graphic(char c) {
  return c > ' ' && c < 0x7f;
}

template <std::integral Octet>
constexpr Octet to_lower(Octet c) {
  return c >= 'A' && c <= 'Z' ? static_cast<Octet>(c - 'A' + 'a') : c;
}

constexpr char to_upper(char c) {
  return is_lower_case(c) ? static_cast<char>(c - 'a' + 'A') : c;
}

std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
bool equal_ignoring_case(std::string_view a, std::string_view b);

// The text without spaces and tabs at its ends.
constexpr std::string_view trim(std::string_view text) {
  constexpr std::string_view blank = " \t";
  while (!text.empty() && blank.contains(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank.contains(text.back())) text.remove_suffix(1);
  return text;
}

// Removes the text up to and with the next separator. Returns it without the separator. If there is
// none, takes all. So a loop until the text is empty sees no empty piece after a last separator.
constexpr std::string_view take_until(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view piece = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return piece;
}

// Removes the next word and the blanks before it. Returns the word; empty if there is none.
constexpr std::string_view take_word(std::string_view& text) {
  constexpr std::string_view blank = " \t\r\v\f";
  text.remove_prefix(std::min(text.find_first_not_of(blank), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(blank));
  text.remove_prefix(word.size());
  return word;
}

// All pieces between separators, also the empty ones: one more than there are separators.
std::vector<std::string_view> split(std::string_view text, char separator);

void append(std::string& out, std::initializer_list<std::string_view> parts);

template <typename Words>
std::string join(const Words& words, std::string_view separator) {
  std::string text;
  std::string_view before;
  for (const std::string_view word : words) {
    append(text, {before, word});
    before = separator;
  }
  return text;
}

// The number that the whole text is. Only a signed type accepts a sign, and only '-'.
template <std::integral Number>
std::optional<Number> parse_number(std::string_view text, int base = 10) {
  Number number = 0;
  const char* const first = text.data();  // NOLINT(bugprone-suspicious-stringview-data-usage): with its end
  const char* const last = first + text.size();
  const auto [end, error] = std::from_chars(first, last, number, base);
  return error == std::errc{} && end == last ? std::optional(number) : std::nullopt;
}

}  // namespace ostiary
