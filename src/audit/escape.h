// audit/escape.h: writes untrusted text as printable ASCII inside a JSON string.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace ostiary::audit {

// The escape for the first character of a text, or for its first octet if that does not begin a
// UTF-8 character. `taken` octets of the text become `size` octets.
struct Escape {
  std::array<char, 12> octets{};
  size_t size = 0;
  size_t taken = 1;
};
Escape escape_first(std::string_view text);

// Whether the octet needs no escape.
constexpr bool is_plain(char c) {
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

}  // namespace ostiary::audit
