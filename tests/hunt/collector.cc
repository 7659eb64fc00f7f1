#include "collector.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace ostiary::hunt {
namespace {

constexpr std::array<std::string_view, 3> request_lines{"POST /hunt/v1/traces HTTP/1.1\r\n",
                                                        "POST /hunt/v1/metrics HTTP/1.1\r\n",
                                                        "POST /hunt/v1/logs HTTP/1.1\r\n"};
constexpr std::string_view length_field = "Content-Length: ";
constexpr std::string_view line_end = "\r\n";
constexpr size_t longest_length = 7;  // digits: the relay takes up to 8 MiB

// Of so many answers, one is 503, after which the relay pauses.
constexpr uint64_t answers_to_503 = 256;
constexpr uint64_t answers_to_an_end = 32;  // of the connection, without an answer
constexpr uint64_t answers_to_a_close = 8;  // of the connection, behind an answer

bool is_length(std::string_view digits) {
  const bool has_only_digits =
      std::ranges::all_of(digits, [](char each) { return each >= '0' && each <= '9'; });
  const bool has_leading_zero = digits.size() > 1 && digits.starts_with('0');
  return has_only_digits && !has_leading_zero && digits.size() <= longest_length;
}

bool may_be_length(std::string_view beginning) {
  if (!beginning.starts_with(length_field)) return length_field.starts_with(beginning);
  beginning.remove_prefix(length_field.size());
  const size_t digits = std::min(beginning.find('\r'), beginning.size());
  const std::string_view end = beginning.substr(digits);
  return is_length(beginning.substr(0, digits)) && line_end.starts_with(end) && (digits > 0 || end.empty());
}

size_t read_length(std::string_view line) {
  size_t length = 0;
  std::from_chars(line.data() + length_field.size(), line.data() + line.size(), length);
  return length;
}

}  // namespace

CollectorConnection::CollectorConnection(const std::string& authorization, uint64_t seed)
    : fields_{"Host: " + std::string(collectors_name) + ":" + std::to_string(collectors_port) + "\r\n",
              "Content-Type: application/x-protobuf\r\n", "Authorization: " + authorization + "\r\n"},
      random_(seed) {}

CollectorConnection::Outcome CollectorConnection::take(std::string_view octets) {
  Outcome outcome;
  while (!octets.empty() && outcome.then == Outcome::Then::keep) {
    has_begun_ = true;
    const Progress progress = read(octets);
    if (progress == Progress::incomplete) continue;
    if (progress == Progress::refused) {
      outcome.then = Outcome::Then::close;
      outcome.finding =
          requests_ == 0 ? "another's connection to the collector" : "a request that the relay may not send";
      outcome.evidence = line_ + std::string(octets);
      return outcome;
    }
    ++requests_;
    ++outcome.requests;
    const Outcome next = answer();
    outcome.answer += next.answer;
    outcome.then = next.then;
  }
  return outcome;
}

std::string CollectorConnection::end() const {
  return has_begun_ ? "" : "a connection to the collector without a request";
}

CollectorConnection::Progress CollectorConnection::read(std::string_view& octets) {
  if (body_left_ == 0) {
    const char octet = octets.front();
    octets.remove_prefix(1);
    return read_head(octet);
  }
  const size_t taken = std::min(body_left_, octets.size());
  octets.remove_prefix(taken);
  body_left_ -= taken;
  return end_request_if_read();
}

CollectorConnection::Progress CollectorConnection::read_head(char octet) {
  line_ += octet;
  if (!may_be_line(line_)) return Progress::refused;
  return octet == '\n' ? end_line(std::exchange(line_, {})) : Progress::incomplete;
}

// Whether a line that the request may have here begins so.
bool CollectorConnection::may_be_line(std::string_view beginning) const {
  const auto begins_so = [&](std::string_view line) { return line.starts_with(beginning); };
  if (!is_in_fields_) return std::ranges::any_of(request_lines, begins_so);
  const bool has_every_field = missing_fields_.empty() && length_;
  return (has_every_field && begins_so(line_end)) || std::ranges::any_of(missing_fields_, begins_so) ||
         (!length_ && may_be_length(beginning));
}

CollectorConnection::Progress CollectorConnection::end_line(const std::string& line) {
  if (!is_in_fields_) {
    is_in_fields_ = true;
    missing_fields_ = fields_;
    length_.reset();
    return Progress::incomplete;
  }
  if (line == line_end) {
    is_in_fields_ = false;
    body_left_ = *length_;
    return end_request_if_read();
  }
  if (missing_fields_.erase(line) == 0) length_ = read_length(line);
  return Progress::incomplete;
}

CollectorConnection::Progress CollectorConnection::end_request_if_read() {
  return body_left_ == 0 ? Progress::complete : Progress::incomplete;
}

CollectorConnection::Outcome CollectorConnection::answer() {
  using Then = Outcome::Then;
  Outcome out;
  if (random_.one_in(answers_to_503)) {
    out.answer = "HTTP/1.1 503 Unavailable\r\n";
  } else if (random_.one_in(answers_to_an_end)) {
    out.then = Then::close;
    return out;
  } else if (random_.one_in(answers_to_a_close)) {
    out.answer = "HTTP/1.1 200 OK\r\nConnection: close\r\n";
    out.then = Then::close;
  } else {
    out.answer = "HTTP/1.1 200 OK\r\n";
  }
  out.answer += "Content-Length: 0\r\n\r\n";
  return out;
}

}  // namespace ostiary::hunt
