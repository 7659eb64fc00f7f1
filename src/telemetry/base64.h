// telemetry/base64.h: base64 with padding and without line breaks (RFC 4648, section 4).
#pragma once

#include <string>
#include <string_view>

namespace ostiary::telemetry {

constexpr size_t base64_size(size_t bytes) {
  return (bytes + 2) / 3 * 4;
}

// Appends base64_size(bytes.size()) characters.
void append_base64(std::string& out, std::string_view bytes);

}  // namespace ostiary::telemetry
