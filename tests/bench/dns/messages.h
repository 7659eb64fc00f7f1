// messages.h: the messages of the DNS benchmarks. A name is one label below bench.example.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

using Message = std::vector<uint8_t>;

inline constexpr size_t header_octets = 12;

inline void put_u16(Message& out, unsigned value) {
  out.push_back(static_cast<uint8_t>(value >> 8U));
  out.push_back(static_cast<uint8_t>(value & 0xffU));
}
inline void put_label(Message& out, std::string_view label) {
  out.push_back(static_cast<uint8_t>(label.size()));
  out.insert(out.end(), label.begin(), label.end());
}

// Asks for the address of host<number>.bench.example. The number has four digits, so that all
// questions have the same length.
inline Message question(unsigned number) {
  const std::string digits = std::to_string(number);
  Message out;
  for (const unsigned field : {0U, 0x0100U, 1U, 0U, 0U, 0U}) put_u16(out, field);
  put_label(out, "host" + std::string(4 - std::min<size_t>(digits.size(), 4), '0') + digits);
  put_label(out, "bench");
  put_label(out, "example");
  out.push_back(0);
  put_u16(out, 1);
  put_u16(out, 1);
  return out;
}

inline bool is_good_answer(std::span<const uint8_t> message) {
  const bool is_answer = message.size() > header_octets && (message[2] & 0x80U) != 0;
  return is_answer && (message[3] & 0x0fU) == 0 && message[7] == 1;
}

}  // namespace bench
