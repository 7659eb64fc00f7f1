// selftest/kernel_tables.h: parses /proc/net/unix and /proc/self/mountinfo. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ostiary/net/unix_sockets.h"

namespace ostiary::selftest {

// The sockets that other processes can connect to: listening sockets, and datagram sockets with a
// name that is not autobound. The table does not tell which file is theirs. The kernel writes every octet 0
// of an abstract name as @. So a name that has an @ after the first is returned twice: with @, and with
// octets 0.
std::vector<net::UnixSocket> connectable_sockets(std::string_view table);

struct Mount {
  std::string point;
  std::string file_system;

  bool operator==(const Mount&) const = default;
};
std::vector<Mount> mounts(std::string_view mountinfo);

}  // namespace ostiary::selftest
