#include "ostiary/base/encoding.h"

#include <array>

namespace ostiary {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool needs_no_encoding(char c) {
  return is_letter(c) || is_digit(c) || std::string_view("._~:/@-").contains(c);
}

}  // namespace

void append_base64(std::string& out, std::string_view octets) {
  for (; !octets.empty(); octets.remove_prefix(octets.size() < 3 ? octets.size() : 3)) {
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i)
      group = group << 8 | (i < octets.size() ? static_cast<uint8_t>(octets[i]) : 0U);
    out += alphabet[group >> 18];
    out += alphabet[group >> 12 & 63];
    out += octets.size() > 1 ? alphabet[group >> 6 & 63] : '=';
    out += octets.size() > 2 ? alphabet[group & 63] : '=';
  }
}

std::optional<std::string> base64_decoded(std::string_view text) {
  const size_t digits = text.find_last_not_of('=') + 1;
  const size_t padding = text.size() - digits;
  if (digits % 4 == 1 || (padding != 0 && (padding > 2 || text.size() % 4 != 0))) return std::nullopt;
  std::string octets;
  octets.reserve(text.size() / 4 * 3 + 2);
  uint32_t group = 0;  // the bits that are not yet in `octets` are its last ones
  unsigned bits = 0;
  for (const char digit : text.substr(0, digits)) {
    const size_t value = alphabet.find(digit);
    if (value == std::string_view::npos) return std::nullopt;
    group = group << 6U | static_cast<uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    octets += static_cast<char>(group >> bits);
  }
  return octets;
}

bool is_percent_encoded(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') continue;
    if (text.size() - i < 3 || !hexadecimal_value(text[i + 1]) || !hexadecimal_value(text[i + 2]))
      return false;
    i += 2;
  }
  return true;
}

void append_percent_decoded(std::string& out, std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const unsigned high = hexadecimal_value(text[i + 1]).value_or(0);
    out += static_cast<char>(high << 4U | hexadecimal_value(text[i + 2]).value_or(0));
    i += 2;
  }
}

void append_percent_encoded(std::string& out, std::string_view octets) {
  for (const char c : octets) {
    if (needs_no_encoding(c)) {
      out += c;
      continue;
    }
    const auto octet = static_cast<uint8_t>(c);
    out += {'%', to_upper(hexadecimal_digits[octet >> 4U]), to_upper(hexadecimal_digits[octet & 15U])};
  }
}

size_t percent_encoded_size(std::string_view octets) {
  size_t size = 0;
  for (const char c : octets) size += needs_no_encoding(c) ? 1 : 3;
  return size;
}

std::optional<Character> first_character(std::string_view text) {
  const auto first = static_cast<uint8_t>(text.front());
  if (first < 0x80) return Character{first, 1};
  const size_t size = first >= 0xf0 ? 4U : first >= 0xe0 ? 3U : 2U;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return std::nullopt;
  uint32_t code = first & (0x7fU >> size);
  for (const char c : text.substr(1, size - 1)) {
    const auto octet = static_cast<uint8_t>(c);
    if ((octet & 0xc0U) != 0x80) return std::nullopt;
    code = code << 6U | (octet & 0x3fU);
  }
  constexpr std::array<uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  if (code < least[size] || surrogate || code > 0x10ffff) return std::nullopt;
  return Character{code, size};
}

}  // namespace ostiary
