#include "kernel_tables.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace ostiary::selftest {
namespace {

constexpr unsigned accepts_connections = 0x10000;  // __SO_ACCEPTCON
constexpr unsigned datagram = 2;                   // SOCK_DGRAM
constexpr size_t autobound_size = 6;               // an octet 0 and five digits

std::string_view take(std::string_view& rest, char end) {
  const size_t length = std::min(rest.find(end), rest.size());
  const std::string_view part = rest.substr(0, length);
  rest.remove_prefix(std::min(length + 1, rest.size()));
  return part;
}

// Skips spaces before the word: the inode has some.
std::string_view take_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return take(rest, ' ');
}

std::optional<unsigned> number(std::string_view text, int base) {
  unsigned value = 0;
  const char* const first = text.data();  // NOLINT(bugprone-suspicious-stringview-data-usage): with its end
  const char* const last = first + text.size();
  const auto [end, error] = std::from_chars(first, last, value, base);
  if (error != std::errc{} || end != last) return std::nullopt;
  return value;
}

bool is_autobound(std::string_view name) {
  constexpr std::string_view digits = "0123456789abcdef";
  return name.size() == autobound_size && name.substr(1).find_first_not_of(digits) == std::string_view::npos;
}

void add_abstract(std::vector<SocketName>& names, std::string_view written) {
  std::string octets(written);
  octets.front() = '\0';
  names.emplace_back(octets);
  std::ranges::replace(octets, '@', '\0');
  if (octets != names.back().octets()) names.emplace_back(std::move(octets));
}

// Num RefCount Protocol Flags Type St Inode Path
void add_socket(std::vector<SocketName>& names, std::string_view line) {
  for (int i = 0; i < 3; ++i) take_word(line);
  const auto flags = number(take_word(line), 16);
  const auto type = number(take_word(line), 16);
  for (int i = 0; i < 2; ++i) take_word(line);
  if (!flags || !type || line.empty()) return;
  const bool is_datagram = *type == datagram;
  if (!is_datagram && (*flags & accepts_connections) == 0) return;
  if (line.starts_with('/')) names.emplace_back(std::string(line));
  if (line.starts_with('@') && !(is_datagram && is_autobound(line))) add_abstract(names, line);
}

// The kernel writes a space, a tab, a line feed and a backslash as \ and three octal digits.
std::string unescape(std::string_view text) {
  std::string path;
  while (!text.empty()) {
    const bool escaped = text.front() == '\\' && text.size() >= 4;
    const auto octet = escaped ? number(text.substr(1, 3), 8) : std::nullopt;
    path += octet ? static_cast<char>(*octet) : text.front();
    text.remove_prefix(octet ? 4 : 1);
  }
  return path;
}

}  // namespace

std::vector<SocketName> connectable_sockets(std::string_view table) {
  std::vector<SocketName> names;
  while (!table.empty()) add_socket(names, take(table, '\n'));
  return names;
}

std::vector<Mount> mounts(std::string_view mountinfo) {
  constexpr std::string_view before_type = " - ";
  std::vector<Mount> all;
  while (!mountinfo.empty()) {
    std::string_view line = take(mountinfo, '\n');
    const size_t separator = line.find(before_type);
    if (separator == std::string_view::npos) continue;
    std::string_view tail = line.substr(separator + before_type.size());
    for (int i = 0; i < 4; ++i) take(line, ' ');
    all.push_back({unescape(take(line, ' ')), std::string(take(tail, ' '))});
  }
  return all;
}

}  // namespace ostiary::selftest
