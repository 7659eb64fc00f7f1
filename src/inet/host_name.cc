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

enum class LabelFault : uint8_t { none, empty, too_long, hyphen_outside, beyond_ascii, odd_character };

LabelFault fault_of(std::string_view label) {
  if (label.empty()) return LabelFault::empty;
  if (label.size() > max_label) return LabelFault::too_long;
  if (label.front() == '-' || label.back() == '-') return LabelFault::hyphen_outside;
  if (std::ranges::any_of(label, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
    return LabelFault::beyond_ascii;
  return std::ranges::all_of(label, is_label_character) ? LabelFault::none : LabelFault::odd_character;
}

std::string reason(LabelFault fault, std::string_view label) {
  switch (fault) {
    case LabelFault::none:
      break;
    case LabelFault::empty:
      return "has an empty label";
    case LabelFault::too_long:
      return "has a label of more than 63 characters";
    case LabelFault::hyphen_outside:
      return "has a label that begins or ends with a hyphen";
    case LabelFault::beyond_ascii:
      return "has a letter beyond ASCII; write its xn-- form, as idn2 prints it";
    case LabelFault::odd_character:
      return "has a " + quote(std::string(1, *std::ranges::find_if_not(label, is_label_character))) +
             ", which is not a letter, digit, hyphen or underscore";
  }
  return {};
}

struct Labels {
  LabelFault fault = LabelFault::none;
  std::string_view last;  // of the labels, or the one with the fault
};
Labels read_labels(std::string_view name) {
  while (true) {
    const size_t dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    const LabelFault fault = fault_of(label);
    if (fault != LabelFault::none || dot == std::string_view::npos) return {fault, label};
    name.remove_prefix(dot + 1);
  }
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

bool is_host_name(std::string_view text) {
  if (text.size() > max_name) return false;
  const auto [fault, last] = read_labels(text);
  return fault == LabelFault::none && !reads_as_number(last);
}

Result<HostName> HostName::parse(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty()) return fail(Exit::configuration, "is empty");
  if (text.size() > max_name) return fail(Exit::configuration, "is longer than 253 characters");
  std::string name = to_lower(text);
  const auto [fault, last] = read_labels(name);
  if (fault != LabelFault::none) return fail(Exit::configuration, reason(fault, last));
  if (reads_as_number(last)) return fail(Exit::configuration, reason_for_no_address(name));
  return HostName(std::move(name));
}

}  // namespace ostiary::inet
