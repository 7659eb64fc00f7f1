// base/quote.h: quotes untrusted text inside one line of a message.
// The result shows at most 60 octets of the text. It has no octet that could move the cursor, end
// the line or hide the rest of it.
#pragma once

#include <string>
#include <string_view>

#include "ostiary/base/encoding.h"

namespace ostiary {

// "api.anthropic.com", including the quotes. An octet that is not printable ASCII becomes \xNN. A
// text that is too long ends in "…".
inline std::string quote(std::string_view text) {
  constexpr size_t longest = 60;
  std::string quoted = "\"";
  for (const char c : text.substr(0, longest)) {
    if (c == '"' || c == '\\')
      quoted += {'\\', c};
    else if (c >= 0x20 && c < 0x7f)
      quoted += c;
    else
      append_hexadecimal(quoted += "\\x", static_cast<uint8_t>(c));
  }
  return quoted + (text.size() > longest ? "…\"" : "\"");
}

// Whether the text could be a URL or hold user:password@host.
inline bool may_hold_password(std::string_view text) {
  return text.contains('@') || text.contains("://");
}

// The quoted text, or `instead` if the text could hold a password.
inline std::string quote_unless_password(std::string_view text, std::string_view instead) {
  return may_hold_password(text) ? std::string(instead) : quote(text);
}

// A refused value, for the start of an error. A long value, or one that may hold a password, is not
// shown: it could be a secret in the wrong setting.
inline std::string quote_refused(std::string_view value) {
  constexpr size_t longest_slip = 20;
  const bool may_be_secret = value.size() > longest_slip || may_hold_password(value);
  return may_be_secret ? "its value" : quote(value);
}

}  // namespace ostiary
