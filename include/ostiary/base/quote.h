// base/quote.h: a name somebody else wrote, inside one line of ours.
// At most 60 octets of it, and nothing that could move the cursor, end the line or hide what follows.
#pragma once

#include <string>
#include <string_view>

namespace ostiary {

// "api.anthropic.com" with its quotes; what is not printable ASCII becomes \xNN, what is too long ends in
// "…".
inline std::string quote(std::string_view text) {
  constexpr size_t longest = 60;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text.substr(0, longest)) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet == '"' || octet == '\\')
      quoted += {'\\', c};
    else if (octet >= 0x20 && octet < 0x7f)
      quoted += c;
    else
      quoted += {'\\', 'x', digits[octet >> 4U], digits[octet & 15U]};
  }
  return quoted + (text.size() > longest ? "…\"" : "\"");
}

// Whether a text could be a URL, or have a password in front of a host: user:password@host.
inline bool may_hold_password(std::string_view text) {
  return text.contains('@') || text.contains("://");
}

// The text in its quotes, or `instead` where it could hold a password.
inline std::string quote_unless_password(std::string_view text, std::string_view instead) {
  return may_hold_password(text) ? std::string(instead) : quote(text);
}

// A refused value, to begin an error with. A long value, or one that may hold a password, could be a secret
// in the wrong place and is not shown.
inline std::string quote_refused(std::string_view value) {
  constexpr size_t longest_slip = 20;
  const bool may_be_secret = value.size() > longest_slip || may_hold_password(value);
  return may_be_secret ? "its value" : quote(value);
}

}  // namespace ostiary
