// http/body.h: where the body of a message ends, and its octets.
// - The octets are not copied: each piece points into the input.
// - Chunk extensions and trailers are read, bounded and dropped. None is stored.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "ostiary/http/fault.h"
#include "ostiary/http/field.h"

namespace ostiary::http {

struct Framing {
  enum class Kind : uint8_t { none, length, chunked, until_close };
  Kind kind = Kind::none;
  uint64_t length = 0;  // of Kind::length

  bool operator==(const Framing&) const = default;
};

// From Content-Length and Transfer-Encoding. Kind::none if there is neither.
std::expected<Framing, Fault> read_framing(std::span<const Field> fields, Version version);

struct NeedMore {};
struct Body {
  std::string_view octets;  // never empty
};
struct Complete {};

using BodyEvent = std::variant<NeedMore, Body, Complete, Fault>;

class BodyReader {
  static constexpr size_t longest_framing_name =
      std::ranges::max(framing_names, {}, &std::string_view::size).size();

 public:
  // Reads a body of at most `max_octets`.
  std::optional<Fault> begin(const Framing& framing, uint64_t max_octets);

  // Removes the consumed octets from the front of `input`. Call again with the rest until NeedMore,
  // which leaves the rest empty, or Complete, which leaves the octets after the message.
  BodyEvent next(std::string_view& input);

  bool is_until_close() const { return state_ == State::until_close; }

 private:
  enum class State : uint8_t {
    complete,
    octets_of_length,
    until_close,
    size,
    extension,
    size_lf,
    chunk,
    chunk_cr,
    chunk_lf,
    trailer,
    trailer_name,
    trailer_value,
    trailer_lf,
    last_lf,
  };

  Body take(std::string_view& input);
  std::optional<Fault> read_octet(char octet);
  std::optional<Fault> read_size(char octet);
  std::optional<Fault> read_extension(char octet);
  std::optional<Fault> read_trailer(char octet);
  std::optional<Fault> read_trailer_name(char octet);
  std::optional<Fault> begin_chunk();
  std::optional<Fault> expect(char expected, char octet, Fault otherwise, State next);

  State state_ = State::complete;
  uint64_t left_ = 0;     // of the body, or of the chunk
  uint64_t allowed_ = 0;  // octets that later chunks may have
  uint64_t chunk_size_ = 0;
  size_t size_digits_ = 0;
  size_t extension_octets_ = 0;
  size_t trailer_octets_ = 0;
  std::array<char, longest_framing_name + 1> trailer_name_{};  // its start
  size_t trailer_name_octets_ = 0;
};

}  // namespace ostiary::http
