// inet/host_name.h: a DNS host name that cannot be wrong.
// Lower case, no trailing dot, labels of 1 to 63 of [a-z0-9_-] that neither begin nor end with a hyphen, 253
// octets in all. The last label is never a number, so nothing that some resolver reads as an address is a
// name.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"

namespace ostiary::inet {

class HostName {
 public:
  // The error says what is wrong with the text; the caller adds where it stands.
  static Result<HostName> parse(std::string_view text);

  const std::string& text() const { return text_; }
  auto operator<=>(const HostName&) const = default;

 private:
  explicit HostName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace ostiary::inet
