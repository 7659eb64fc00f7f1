// tests/fuzz/fuzz.h: common code of the fuzz targets.
// A target takes any octets and asserts a property with HOLDS. If it does not hold, HOLDS prints it
// and aborts: a fuzzer keeps the input, the replay runner fails.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

#include "ostiary/base/result.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace ostiary::fuzz {

using Bytes = std::span<const uint8_t>;

[[noreturn]] inline void broken(const char* property, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, property);
  std::abort();
}

inline std::string_view as_text(Bytes octets) {
  return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

// Reads an input from the front. Missing data is zero, or empty.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(data, size) {}

  bool empty() const { return rest_.empty(); }
  uint8_t octet() {
    const Bytes one = take(1);
    return one.empty() ? uint8_t{0} : one[0];
  }
  uint16_t number() {
    const unsigned high = octet();
    return static_cast<uint16_t>(high << 8U | octet());
  }
  Bytes take(size_t count) {
    const Bytes taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  Bytes rest() { return take(rest_.size()); }
  // Up to and including the mark, or to the end.
  std::string_view text_until(char mark) {
    const std::string_view whole = as_text(rest_);
    const size_t end = std::min(whole.find(mark), whole.size());
    rest_ = rest_.subspan(std::min(end + 1, rest_.size()));
    return whole.substr(0, end);
  }
  std::string_view rest_as_text() { return as_text(rest()); }

 private:
  Bytes rest_;
};

// The number of octets of the UTF-8 character at the start of the text (RFC 3629); 0 if there is
// none.
inline size_t utf8_size(std::string_view text) {
  const auto first = static_cast<uint8_t>(text[0]);
  const size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (size > text.size() || (first >= 0x80 && first < 0xc2) || first > 0xf4) return 0;
  uint32_t code = size == 1 ? first : first & (0x7fU >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((static_cast<uint8_t>(text[i]) & 0xc0U) != 0x80) return 0;
    code = code << 6U | (static_cast<uint8_t>(text[i]) & 0x3fU);
  }
  constexpr uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool well_formed = code >= least[size] && (code < 0xd800 || code >= 0xe000) && code <= 0x10ffff;
  return well_formed ? size : 0;
}

// Text for people: not empty, and without characters that end the line or move a cursor.
inline bool is_one_line(std::string_view text) {
  return !text.empty() &&
         std::ranges::none_of(text, [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; });
}
inline bool is_one_line(const Error& error) {
  return is_one_line(error.message);
}

}  // namespace ostiary::fuzz

#define HOLDS(...) \
  (static_cast<bool>(__VA_ARGS__) ? void() : ::ostiary::fuzz::broken(#__VA_ARGS__, __FILE__, __LINE__))
