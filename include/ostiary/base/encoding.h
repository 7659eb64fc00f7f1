// base/encoding.h: hexadecimal digits, base64, percent sequences and UTF-8.
// The append functions write to the end of a string of the caller, which can reserve the size
// first: a secret must not be copied when its string grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ostiary/base/text.h"

namespace ostiary {

inline constexpr std::string_view hexadecimal_digits = "0123456789abcdef";

// The value of a digit in lower or upper case.
constexpr std::optional<uint8_t> hexadecimal_value(char digit) {
  const size_t value = hexadecimal_digits.find(to_lower(digit));
  return value < hexadecimal_digits.size() ? std::optional(static_cast<uint8_t>(value)) : std::nullopt;
}

// Two digits in lower case.
inline void append_hexadecimal(std::string& out, uint8_t octet) {
  out += {hexadecimal_digits[octet >> 4U], hexadecimal_digits[octet & 15U]};
}

// ---- base64, written with padding and without line breaks (RFC 4648, section 4)

constexpr size_t base64_size(size_t octets) {
  return (octets + 2) / 3 * 4;
}

// Appends base64_size(octets.size()) characters.
void append_base64(std::string& out, std::string_view octets);

// With or without its padding. Nothing if the text is not that of whole octets.
std::optional<std::string> base64_decoded(std::string_view text);

// ---- percent sequences

// Whether every '%' is followed by two hexadecimal digits.
bool is_percent_encoded(std::string_view text);

// Requires is_percent_encoded(text). Appends at most text.size() octets.
void append_percent_decoded(std::string& out, std::string_view text);

// Every octet outside [A-Za-z0-9._~:/@-] becomes %XX, in upper case.
void append_percent_encoded(std::string& out, std::string_view octets);
size_t percent_encoded_size(std::string_view octets);

// ---- UTF-8 (RFC 3629): the shortest form only, no surrogates, nothing above U+10FFFF

struct Character {
  uint32_t code = 0;
  size_t size = 0;  // in octets
};

// The first character of the text. Nothing if the text does not begin with one. Requires a text
// that is not empty.
std::optional<Character> first_character(std::string_view text);

// Whether the character is a C0 or C1 control or DEL.
constexpr bool is_control(Character character) {
  return character.code < 0x20 || (character.code >= 0x7f && character.code < 0xa0);
}

}  // namespace ostiary
