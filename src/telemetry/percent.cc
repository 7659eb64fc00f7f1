#include "telemetry/percent.h"

#include <cstdint>

namespace ostiary::telemetry {
namespace {

// The value of the digit, or -1.
int hexadecimal(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool needs_no_encoding(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._~:/@-").contains(c);
}

}  // namespace

bool is_percent_encoded(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') continue;
    if (text.size() - i < 3 || hexadecimal(text[i + 1]) < 0 || hexadecimal(text[i + 2]) < 0) return false;
    i += 2;
  }
  return true;
}

void append_percent_decoded(std::string& out, std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    out += static_cast<char>(hexadecimal(text[i + 1]) << 4 | hexadecimal(text[i + 2]));
    i += 2;
  }
}

void append_percent_encoded(std::string& out, std::string_view bytes) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : bytes) {
    if (needs_no_encoding(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<uint8_t>(c);
    out += '%';
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
}

size_t percent_encoded_size(std::string_view bytes) {
  size_t size = 0;
  for (const char c : bytes) size += needs_no_encoding(c) ? 1 : 3;
  return size;
}

}  // namespace ostiary::telemetry
