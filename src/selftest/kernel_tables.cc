#include "kernel_tables.h"

#include <algorithm>
#include <array>
#include <optional>

#include <sys/sysmacros.h>

#include "ostiary/base/text.h"

namespace ostiary::selftest {
namespace {

constexpr unsigned accepts_connections = 0x10000;  // __SO_ACCEPTCON
constexpr unsigned datagram = 2;                   // SOCK_DGRAM

// Skips spaces before the word: the inode has some.
std::string_view take_column(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return take_until(rest, ' ');
}

void add_abstract(std::vector<net::UnixSocket>& sockets, std::string_view written, uint64_t inode) {
  std::string octets(written);
  octets.front() = '\0';
  sockets.push_back({.name = octets, .inode = inode});
  std::ranges::replace(octets, '@', '\0');
  if (octets != sockets.back().name) sockets.push_back({.name = std::move(octets), .inode = inode});
}

// Num RefCount Protocol Flags Type St Inode Path
void add_socket(std::vector<net::UnixSocket>& sockets, std::string_view line) {
  for (int i = 0; i < 3; ++i) take_column(line);
  const auto flags = parse_number<unsigned>(take_column(line), 16);
  const auto type = parse_number<unsigned>(take_column(line), 16);
  take_column(line);
  const auto inode = parse_number<uint64_t>(take_column(line));
  if (!flags || !type || !inode || line.empty()) return;
  const bool is_datagram = *type == datagram;
  if (!is_datagram && (*flags & accepts_connections) == 0) return;
  if (!line.starts_with('@'))
    sockets.push_back({.name = std::string(line), .inode = *inode});
  else if (!is_datagram || !net::is_autobound(line))
    add_abstract(sockets, line, *inode);
}

// The kernel writes a space, a tab, a line feed and a backslash as \ and three octal digits.
std::string unescape(std::string_view text) {
  std::string path;
  while (!text.empty()) {
    const bool escaped = text.front() == '\\' && text.size() >= 4;
    const auto octet = escaped ? parse_number<unsigned>(text.substr(1, 3), 8) : std::nullopt;
    path += octet ? static_cast<char>(*octet) : text.front();
    text.remove_prefix(octet ? 4 : 1);
  }
  return path;
}

}  // namespace

std::vector<net::UnixSocket> connectable_sockets(std::string_view table) {
  std::vector<net::UnixSocket> sockets;
  while (!table.empty()) add_socket(sockets, take_until(table, '\n'));
  return sockets;
}

std::vector<Mount> mounts(std::string_view mountinfo) {
  constexpr std::string_view before_type = " - ";
  std::vector<Mount> all;
  while (!mountinfo.empty()) {
    std::string_view line = take_until(mountinfo, '\n');
    const size_t separator = line.find(before_type);
    if (separator == std::string_view::npos) continue;
    std::string_view tail = line.substr(separator + before_type.size());
    for (int i = 0; i < 4; ++i) take_until(line, ' ');
    all.push_back({unescape(take_until(line, ' ')), std::string(take_until(tail, ' '))});
  }
  return all;
}

// ID, the parent's ID, MAJOR:MINOR, …
std::optional<dev_t> device_of_mount(std::string_view mountinfo, uint64_t id) {
  while (!mountinfo.empty()) {
    std::string_view line = take_until(mountinfo, '\n');
    if (parse_number<uint64_t>(take_until(line, ' ')) != id) continue;
    take_until(line, ' ');
    const auto major = parse_number<unsigned>(take_until(line, ':'));
    const auto minor = parse_number<unsigned>(take_until(line, ' '));
    if (!major || !minor) return std::nullopt;
    return makedev(*major, *minor);
  }
  return std::nullopt;
}

}  // namespace ostiary::selftest
