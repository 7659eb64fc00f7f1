// audit/line.h: writes one JSON object, field by field, into room of a fixed size and without allocating.
// Field names are ours and need no escaping. Texts are cut to limits::text_octets; that the rest keeps within
// limits::frame_octets is the event's matter. What would not fit is left out rather than written beyond.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>

#include "ostiary/audit/event.h"

namespace ostiary::audit {

class Line {
 public:
  Line(LineRoom room, Time time, std::string_view event, AuditRoad road);

  Line& text(std::string_view field, std::string_view value);
  // Nothing, where the text is empty.
  Line& known(std::string_view field, std::string_view value);
  // A word of ours, as it is.
  Line& word(std::string_view field, std::string_view value);
  Line& number(std::string_view field, uint64_t value);
  Line& address(const inet::IpAddress& value);
  Line& protocol(uint8_t value);
  Line& ports(std::span<const GrantedPorts> value);

  std::string_view finish();

 private:
  void put(std::string_view octets);
  void put_number(uint64_t value);
  void put_protocol(uint8_t value);
  void name(std::string_view field);

  LineRoom room_;
  size_t size_ = 0;
};

}  // namespace ostiary::audit
