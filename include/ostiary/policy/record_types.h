// policy/record_types.h: the DNS record types that a rule can open besides A and AAAA.
// A and AAAA need no opening. HTTPS, SVCB and ANY cannot be opened: they carry addresses around the gate.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"

namespace ostiary::policy {

class RecordTypes {
 public:
  // Adds a type by its name in any case, "TXT".
  Result<> add(std::string_view name);
  void add(RecordTypes other) { mask_ |= other.mask_; }
  bool empty() const { return mask_ == 0; }
  // By the type's number on the wire.
  bool contains(uint16_t type) const;
  // "TXT,MX"
  std::string text() const;
  auto operator<=>(const RecordTypes&) const = default;

 private:
  uint32_t mask_ = 0;
};

}  // namespace ostiary::policy
