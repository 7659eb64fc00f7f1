// http/head.h: collects the head of a message, in one buffer of limits::head_octets.
// - It is copied once, when it arrives. The first line and the fields point into the buffer, and
//   are valid until clear().
// - A fault is that of the first octet or line that is wrong, however the octets are cut.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/http/fault.h"
#include "ostiary/http/field.h"

namespace ostiary::http {

class HeadCollector {
 public:
  enum class Progress : uint8_t { need_more, start_line, complete };

  // Removes the consumed octets from the front of `input`. need_more leaves it empty; start_line
  // comes once, before any field is read; complete leaves the octets after the head.
  std::expected<Progress, Fault> read(std::string_view& input);

  std::string_view start_line() const { return start_line_; }
  std::span<const Field> fields() const { return fields_; }
  bool has_start_line() const { return has_start_line_; }
  // What is there of the line that is not whole.
  std::string_view unfinished_line() const { return std::string_view(octets_).substr(line_begin_); }

  // Prepares for another head, and keeps the memory.
  void clear();

 private:
  std::expected<std::optional<std::string_view>, Fault> next_line(std::string_view& input);
  std::optional<Fault> check(char octet, size_t head_octets, size_t line_octets) const;
  std::optional<Fault> add_field(std::string_view line);

  std::string octets_;  // reserved once, so it never moves
  size_t line_begin_ = 0;
  bool after_cr_ = false;
  bool has_start_line_ = false;
  std::string_view start_line_;
  std::vector<Field> fields_;
};

}  // namespace ostiary::http
