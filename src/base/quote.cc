#include "ostiary/base/quote.h"

#include "ostiary/base/encoding.h"

namespace ostiary {

bool may_be_token(std::string_view text) {
  constexpr size_t shortest = 20;
  size_t length = 0;
  bool lower = false, upper = false, digit = false;
  for (const char c : text) {
    const bool is_lower = c >= 'a' && c <= 'z', is_upper = c >= 'A' && c <= 'Z',
               is_digit = c >= '0' && c <= '9';
    if (!is_lower && !is_upper && !is_digit && !std::string_view("_-+=").contains(c)) {
      length = 0;
      lower = upper = digit = false;
      continue;
    }
    lower |= is_lower;
    upper |= is_upper;
    digit |= is_digit;
    if (++length >= shortest && lower && upper && digit) return true;
  }
  return false;
}

std::string quote(std::string_view text) {
  constexpr size_t longest_of_token = 4;
  const size_t longest = may_be_token(text) ? longest_of_token : 60;
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

bool may_hold_password(std::string_view text) {
  return text.contains('@') || text.contains("://");
}

std::string quote_unless_password(std::string_view text, std::string_view instead) {
  return may_hold_password(text) ? std::string(instead) : quote(text);
}

std::string quote_refused(std::string_view value) {
  constexpr size_t longest_slip = 20;
  const bool may_be_secret = value.size() > longest_slip || may_hold_password(value);
  return may_be_secret ? "its value" : quote(value);
}

}  // namespace ostiary
