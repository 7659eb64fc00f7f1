// kernel_tables.h: what /proc/net/unix and /proc/self/mountinfo say. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ostiary/selftest/socket_name.h"

namespace ostiary::selftest {

// The sockets of one network namespace that others can connect to: those that listen, and datagram sockets
// with a name, but for the names that the kernel makes up. The kernel writes every octet 0 of an abstract
// name as an @: such a name is there twice, once with each.
std::vector<SocketName> connectable_sockets(std::string_view table);

struct Mount {
  std::string point;
  std::string file_system;

  bool operator==(const Mount&) const = default;
};
std::vector<Mount> mounts(std::string_view mountinfo);

}  // namespace ostiary::selftest
