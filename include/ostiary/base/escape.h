// base/escape.h: makes untrusted text safe for one line of a terminal.
// Control characters become \xNN.
#pragma once

#include <string>
#include <string_view>

#include "ostiary/base/encoding.h"

namespace ostiary {

inline std::string escape_controls(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  for (const char c : text) {
    const auto octet = static_cast<uint8_t>(c);
    if (octet >= 0x20 && octet != 0x7f)
      line += c;
    else
      append_hexadecimal(line += "\\x", octet);
  }
  return line;
}

}  // namespace ostiary
