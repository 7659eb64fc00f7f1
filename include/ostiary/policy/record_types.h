// policy/record_types.h: the DNS record types that a rule can allow besides A and AAAA.
// - A and AAAA are always allowed.
// - HTTPS, SVCB and ANY cannot be allowed: they can contain addresses that the gate does not admit.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"

namespace ostiary::policy {

class RecordTypes {
 public:
  // Adds a type by its name, such as "TXT", in upper or lower case.
  Result<> add(std::string_view name);
  void add(RecordTypes other) { mask_ |= other.mask_; }
  bool empty() const { return mask_ == 0; }
  // `type` is the number on the wire.
  bool contains(uint16_t type) const;
  // "TXT,MX"
  std::string text() const;
  auto operator<=>(const RecordTypes&) const = default;

 private:
  uint32_t mask_ = 0;
};

}  // namespace ostiary::policy
