// inet/host_name.h: a DNS host name that is always valid.
// - Lower case, without a trailing dot, at most 253 octets.
// - Labels have 1 to 63 characters of [a-z0-9_-] and neither begin nor end with a hyphen.
// - The last label is never a number, so a resolver never reads the name as an address.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"

namespace ostiary::inet {

class HostName {
 public:
  // The error says what is wrong with the text. The caller adds the place.
  static Result<HostName> parse(std::string_view text);

  const std::string& text() const { return text_; }
  auto operator<=>(const HostName&) const = default;

 private:
  explicit HostName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// Whether the text is a host name as HostName holds it. Allocates nothing.
bool is_host_name(std::string_view text);

}  // namespace ostiary::inet
