// tests/unit/tls/hello.h: hellos, made of their parts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/tls/write.h"

namespace ostiary::tls::testing {

inline std::span<const uint8_t> octets_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

using tls::number;
using tls::record;
using tls::vector;

inline std::string extension(uint16_t type, std::string_view content) {
  return number(2, type) + vector(2, content);
}
inline std::string entry(uint8_t type, std::string_view name) {
  return number(1, type) + vector(2, name);
}
inline std::string server_name(std::string_view host) {
  return extension(0, vector(2, entry(0, host)));
}

inline std::string before_extensions() {
  return "\x03\x03" + std::string(32, 'r') + vector(1, std::string(32, 's')) + vector(2, "\x13\x01\x13\x02") +
         vector(1, std::string(1, '\0'));
}
inline std::string handshake(std::string_view body) {
  return "\x01" + vector(3, body);
}
inline std::string without_extensions() {
  return handshake(before_extensions());
}
inline std::string hello(const std::vector<std::string>& extensions) {
  std::string all;
  for (const std::string& each : extensions) all += each;
  return handshake(before_extensions() + vector(2, all));
}

inline std::string records(std::string_view message, size_t size) {
  std::string stream;
  for (size_t at = 0; at < message.size(); at += size) stream += record(message.substr(at, size));
  return stream;
}

// The places of the last octet of each length in a hello.
inline std::vector<size_t> lengths_of(std::string_view message) {
  std::vector<size_t> places{3, 38, 72, 77, 80};  // message, session id, suites, compressions, extensions
  for (size_t at = 81; at + 4 <= message.size();) {
    places.push_back(at + 3);
    const size_t length = static_cast<unsigned char>(message[at + 3]);
    if (message[at] == 0 && message[at + 1] == 0) {
      places.push_back(at + 5);
      places.push_back(at + 8);
    }
    at += 4 + length;
  }
  return places;
}

}  // namespace ostiary::tls::testing
