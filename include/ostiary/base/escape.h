// base/escape.h: makes untrusted text safe for one line of a terminal.
// Control characters become \xNN.
#pragma once

#include <string>
#include <string_view>

namespace ostiary {

inline std::string escape_controls(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string line;
  line.reserve(text.size());
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet >= 0x20 && octet != 0x7f)
      line += c;
    else
      line += {'\\', 'x', digits[octet >> 4U], digits[octet & 15U]};
  }
  return line;
}

}  // namespace ostiary
