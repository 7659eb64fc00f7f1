#include "telemetry/base64.h"

#include <cstdint>

namespace ostiary::telemetry {

void append_base64(std::string& out, std::string_view bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (; !bytes.empty(); bytes.remove_prefix(bytes.size() < 3 ? bytes.size() : 3)) {
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i)
      group = group << 8 | (i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0U);
    out += alphabet[group >> 18];
    out += alphabet[group >> 12 & 63];
    out += bytes.size() > 1 ? alphabet[group >> 6 & 63] : '=';
    out += bytes.size() > 2 ? alphabet[group & 63] : '=';
  }
}

}  // namespace ostiary::telemetry
