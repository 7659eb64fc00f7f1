#include "audit/escape.h"

#include <cstdint>

#include "ostiary/base/encoding.h"

namespace ostiary::audit {
namespace {

void put(Escape& escape, std::string_view text) {
  for (const char c : text) escape.octets[escape.size++] = c;
}

void put_unit(Escape& escape, uint32_t unit) {
  put(escape, "\\u");
  for (unsigned shift = 16; shift > 0; shift -= 4)
    escape.octets[escape.size++] = hexadecimal_digits[unit >> (shift - 4) & 15U];
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
  const auto character = first_character(text);
  if (!character) {
    put(escape, "\\\\x");
    escape.octets[escape.size++] = hexadecimal_digits[octet >> 4U];
    escape.octets[escape.size++] = hexadecimal_digits[octet & 15U];
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
