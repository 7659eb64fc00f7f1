#include "ostiary/inet/host_name.h"

#include <algorithm>

#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"

namespace ostiary::inet {
namespace {

constexpr size_t max_name = 253;
constexpr size_t max_label = 63;

bool is_label_character(char c) {
  return is_lower_case(c) || is_digit(c) || c == '-' || c == '_';
}

// Whether inet_aton(3) would accept it as the last part of an address: decimal, octal or
// hexadecimal.
bool reads_as_number(std::string_view label) {
  if (label.starts_with("0x"))
    label.remove_prefix(2), label = label.empty() ? "0" : label;
  else
    return std::ranges::all_of(label, is_digit);
  return std::ranges::all_of(label, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

Result<> check_label(std::string_view label) {
  if (label.empty()) return fail(Exit::configuration, "has an empty label");
  if (label.size() > max_label) return fail(Exit::configuration, "has a label of more than 63 characters");
  if (label.front() == '-' || label.back() == '-')
    return fail(Exit::configuration, "has a label that begins or ends with a hyphen");
  if (std::ranges::any_of(label, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
    return fail(Exit::configuration, "has a letter beyond ASCII; write its xn-- form, as idn2 prints it");
  if (const auto odd = std::ranges::find_if_not(label, is_label_character); odd != label.end())
    return fail(Exit::configuration, "has a " + quote(std::string_view(odd, odd + 1)) +
                                         ", which is not a letter, digit, hyphen or underscore");
  return {};
}

// "10.1.2.300" has a number that is too large. Other texts end in a number for other reasons.
std::string reason_for_no_address(std::string_view name) {
  std::string reason = "ends in a number but is not an IP address";
  for (const std::string_view part : split(name, '.')) {
    const bool is_number = std::ranges::all_of(part, is_digit);
    if (is_number && part.size() <= 5 && parse_number<unsigned>(part).value_or(0) > UINT8_MAX)
      return reason + ": " + std::string(part) + " is larger than 255";
  }
  return reason;
}

}  // namespace

Result<HostName> HostName::parse(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty()) return fail(Exit::configuration, "is empty");
  if (text.size() > max_name) return fail(Exit::configuration, "is longer than 253 characters");
  std::string name = to_lower(text);
  std::string_view last;
  for (std::string_view rest = name;;) {
    const size_t dot = rest.find('.');
    last = rest.substr(0, dot);
    TRY(check_label(last));
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (reads_as_number(last)) return fail(Exit::configuration, reason_for_no_address(name));
  return HostName(std::move(name));
}

}  // namespace ostiary::inet
