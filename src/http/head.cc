#include "ostiary/http/head.h"

#include "http/limits.h"

namespace ostiary::http {

// Judges an octet after `head_octets` of the head and `line_octets` of its line.
std::optional<Fault> HeadCollector::check(char octet, size_t head_octets, size_t line_octets) const {
  if (head_octets == limits::head_octets) return Fault::head_too_large;
  if (after_cr_) return octet == '\n' ? std::nullopt : std::optional(Fault::bare_cr);
  if (octet == '\r') return std::nullopt;
  if (octet == '\n') return Fault::bare_lf;
  if (is_forbidden_control(octet)) return Fault::control;
  if (line_octets < limits::line_octets) return std::nullopt;
  return has_start_line_ ? Fault::field_line_too_long : Fault::start_line_too_long;
}

// Takes octets up to the end of a line. Returns the line without its CRLF, or nothing if the input
// ends first.
std::expected<std::optional<std::string_view>, Fault> HeadCollector::next_line(std::string_view& input) {
  if (octets_.capacity() < limits::head_octets) octets_.reserve(limits::head_octets);
  const size_t held = octets_.size();
  size_t taken = 0;
  bool ended = false;
  while (taken < input.size() && !ended) {
    const char octet = input[taken];
    if (const auto fault = check(octet, held + taken, held + taken - line_begin_))
      return std::unexpected(*fault);
    ended = after_cr_;
    after_cr_ = octet == '\r';
    ++taken;
  }
  octets_.append(input.substr(0, taken));
  input.remove_prefix(taken);
  if (!ended) return std::nullopt;
  const auto line = std::string_view(octets_).substr(line_begin_, octets_.size() - 2 - line_begin_);
  line_begin_ = octets_.size();
  return line;
}

std::optional<Fault> HeadCollector::add_field(std::string_view line) {
  if (fields_.size() == limits::fields) return Fault::too_many_fields;
  const auto field = read_field(line);
  if (!field) return field.error();
  fields_.push_back(*field);
  return std::nullopt;
}

std::expected<HeadCollector::Progress, Fault> HeadCollector::read(std::string_view& input) {
  for (;;) {
    const auto line = next_line(input);
    if (!line) return std::unexpected(line.error());
    if (!*line) return Progress::need_more;
    if (!has_start_line_) {
      has_start_line_ = true;
      start_line_ = **line;
      return Progress::start_line;
    }
    if ((*line)->empty()) return Progress::complete;
    if (const auto fault = add_field(**line)) return std::unexpected(*fault);
  }
}

void HeadCollector::clear() {
  octets_.clear();
  line_begin_ = 0;
  has_start_line_ = false;
  start_line_ = {};
  fields_.clear();
}

}  // namespace ostiary::http
