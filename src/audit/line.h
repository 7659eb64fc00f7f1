// audit/line.h: writes one JSON object, field by field, into a buffer of fixed size, without
// allocation.
// - Field names are constants and need no escapes.
// - Texts are cut to limits::text_octets. The event must keep the rest within limits::frame_octets.
// - Octets that do not fit are dropped. A Line never writes beyond the buffer.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>

#include "ostiary/audit/event.h"

namespace ostiary::audit {

class Line {
 public:
  // The event's name begins with that of the helper, if it is about one.
  Line(LineRoom room, Time time, std::string_view helper, std::string_view event, AuditRoad road);

  Line& text(std::string_view field, std::string_view value);
  // Writes no field if the text is empty.
  Line& known(std::string_view field, std::string_view value);
  // Writes a constant without escapes.
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
