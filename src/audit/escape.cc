#include "audit/escape.h"

#include <cstdint>
#include <optional>

namespace ostiary::audit {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

struct Character {
  uint32_t code = 0;
  size_t size = 0;
};

// RFC 3629: the shortest form only, no surrogates, nothing above U+10FFFF.
std::optional<Character> decode(std::string_view text) {
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

void put(Escape& escape, std::string_view text) {
  for (const char c : text) escape.octets[escape.size++] = c;
}

void put_unit(Escape& escape, uint32_t unit) {
  put(escape, "\\u");
  for (unsigned shift = 16; shift > 0; shift -= 4)
    escape.octets[escape.size++] = digits[unit >> (shift - 4) & 15U];
}

}  // namespace

Escape escape_first(std::string_view text) {
  Escape escape;
  const auto octet = static_cast<uint8_t>(text.front());
  if (octet == '"' || octet == '\\') {
    put(escape, "\\");
    put(escape, text.substr(0, 1));
    return escape;
  }
  const auto character = decode(text);
  if (!character) {
    put(escape, "\\\\x");
    escape.octets[escape.size++] = digits[octet >> 4U];
    escape.octets[escape.size++] = digits[octet & 15U];
    return escape;
  }
  escape.taken = character->size;
  if (character->code < 0x10000) {
    put_unit(escape, character->code);
  } else {
    put_unit(escape, 0xd800 + ((character->code - 0x10000) >> 10U));
    put_unit(escape, 0xdc00 + ((character->code - 0x10000) & 0x3ffU));
  }
  return escape;
}

}  // namespace ostiary::audit
