// relay/gzip.h: bodies compressed with gzip (zlib).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ostiary::relay {

// How the collector wants the bodies.
enum class Coding : uint8_t { identity, gzip };

// Nothing if there is not enough memory.
std::optional<std::string> gzip(std::string_view octets);

// Nothing if the octets are not one whole gzip stream, or if it holds more than `max_octets`.
std::optional<std::string> gunzip(std::string_view compressed, size_t max_octets);

// Whether the body of a post is compressed. No message of protobuf begins like a gzip stream: 0x1f
// would be a field of the type 7, which does not exist.
inline bool is_gzip(std::string_view body) {
  return body.starts_with("\x1f\x8b");
}

}  // namespace ostiary::relay
