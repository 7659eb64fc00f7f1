// reading.h: what the readers of http make of a stream, with copies of all that they give.
// The fuzz targets use it too.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "ostiary/http/request_reader.h"
#include "ostiary/http/response_reader.h"

namespace ostiary::http::testing {

struct Read {
  std::string start;  // "POST /v1/traces", or "200 OK"
  std::vector<std::pair<std::string, std::string>> fields;
  Version version{};
  Framing framing;
  Persistence persistence{};
  bool expects_continue = false;
  std::string body;
  bool complete = false;

  bool operator==(const Read&) const = default;
};

struct Outcome {
  std::vector<Read> messages;
  std::optional<Fault> fault;
  std::string rest;         // octets after a response
  size_t held = 0;          // octets since the last message, of a head so far
  bool as_promised = true;  // a body is not copied, and is never empty; NeedMore leaves no input

  bool operator==(const Outcome& other) const {
    return messages == other.messages && fault == other.fault && rest == other.rest;
  }
  bool is_complete() const { return !messages.empty() && messages.back().complete; }
};

inline std::string start_of(const RequestHead& head) {
  return std::string(head.method) + " " + std::string(head.target);
}
inline std::string start_of(const ResponseHead& head) {
  return std::to_string(head.status) + " " + std::string(head.reason);
}

template <typename Head>
Read read_of(const Head& head) {
  Read read;
  read.start = start_of(head);
  read.version = head.version;
  read.framing = head.framing;
  read.persistence = head.persistence;
  if constexpr (std::is_same_v<Head, RequestHead>) read.expects_continue = head.expects_continue;
  for (const Field& field : head.fields) read.fields.emplace_back(field.name, field.value);
  return read;
}

// Returns whether another event may follow without more input.
template <typename Event>
bool add(const Event& event, std::string_view piece, Outcome& outcome) {
  if (std::holds_alternative<NeedMore>(event)) return false;
  if (const auto* fault = std::get_if<Fault>(&event)) {
    outcome.fault = *fault;
    return false;
  }
  if (const auto* body = std::get_if<Body>(&event)) {
    const auto* end = piece.data() + piece.size();
    outcome.as_promised &= !body->octets.empty() && body->octets.data() >= piece.data() &&
                           body->octets.data() + body->octets.size() <= end;
    outcome.messages.back().body += body->octets;
  } else if (std::holds_alternative<Complete>(event)) {
    outcome.messages.back().complete = true;
  } else {
    outcome.messages.push_back(read_of(*std::get<1>(event)));
    outcome.held = 0;
  }
  return true;
}

// Feeds one piece. The reader gets a copy of the exact size that is freed afterwards, so that a
// sanitizer detects a view of an earlier piece.
template <typename Reader>
void feed(Reader& reader, std::string_view octets, Outcome& outcome) {
  constexpr bool one_message = std::is_same_v<Reader, ResponseReader>;
  const std::vector<char> arrived(octets.begin(), octets.end());
  const std::string_view piece(arrived.data(), arrived.size());
  std::string_view input = piece;
  bool goes_on = !outcome.fault;
  while (goes_on && !(one_message && outcome.is_complete())) {
    const bool within_head = outcome.messages.empty() || outcome.is_complete();
    const size_t before = input.size();
    const auto event = reader.next(input);
    if (within_head) outcome.held += before - input.size();
    goes_on = add(event, piece, outcome);
    outcome.as_promised &= goes_on || outcome.fault || input.empty();
  }
  if (one_message && outcome.is_complete()) outcome.rest += input;
}

}  // namespace ostiary::http::testing
