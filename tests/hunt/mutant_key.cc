#include "mutant_key.h"

#include <cstdint>
#include <fstream>

namespace ostiary::hunt {
namespace {

constexpr std::string_view before_key = "\nMUTANT ";
constexpr size_t key_size = 16;

}  // namespace

// FNV-1a.
std::string key_of(std::string_view words) {
  uint64_t value = 0xcbf29ce484222325;
  for (const char octet : words) value = (value ^ static_cast<uint8_t>(octet)) * 0x100000001b3;
  std::string out;
  for (int digit = key_size - 1; digit >= 0; --digit) out += "0123456789abcdef"[value >> (4 * digit) & 15U];
  return out;
}

std::string key_of_this_program() {
  std::ifstream program("/proc/self/exe", std::ios::binary);
  constexpr auto size = static_cast<std::streamoff>(before_key.size() + key_size);
  program.seekg(-size, std::ios::end);
  std::string tail(static_cast<size_t>(size), '\0');
  program.read(tail.data(), size);
  return tail.starts_with(before_key) ? tail.substr(before_key.size()) : std::string();
}

}  // namespace ostiary::hunt
