// tls/write.h: the parts that TLS messages are made of, for those who send hellos to see what becomes of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ostiary::tls {

inline std::string number(size_t octets, size_t value) {
  std::string text(octets, '\0');
  for (size_t i = octets; i-- > 0; value >>= 8U) text[i] = static_cast<char>(value & 0xffU);
  return text;
}

// The length of the content, and the content.
inline std::string vector(size_t length_octets, std::string_view content) {
  return number(length_octets, content.size()).append(content);
}

inline std::string record(std::string_view content) {
  return "\x16\x03\x01" + vector(2, content);
}

// A handshake message in a record of its own.
inline std::string handshake_record(uint8_t message, std::string_view body) {
  return record(number(1, message) + vector(3, body));
}

}  // namespace ostiary::tls
