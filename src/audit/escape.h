// audit/escape.h: text from anywhere as printable ASCII within a JSON string.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace ostiary::audit {

// What stands for the first character of a text, or for its first octet where that begins no character of
// UTF-8: `taken` octets became `size`.
struct Escape {
  std::array<char, 12> octets{};
  size_t size = 0;
  size_t taken = 1;
};
Escape escape_first(std::string_view text);

// Whether the octet stands for itself.
constexpr bool is_plain(char c) {
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

}  // namespace ostiary::audit
