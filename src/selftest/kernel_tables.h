// selftest/kernel_tables.h: parses /proc/net/unix and /proc/self/mountinfo. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "ostiary/net/unix_sockets.h"

namespace ostiary::selftest {

// The sockets that other processes can connect to: listening sockets, and datagram sockets with a
// name that is not autobound. The table does not tell which file is theirs. The kernel writes every
// octet 0 of an abstract name as @. So a name that has an @ after the first is returned twice: with
// @, and with octets 0.
std::vector<net::UnixSocket> connectable_sockets(std::string_view table);

struct Mount {
  std::string point;
  std::string file_system;

  bool operator==(const Mount&) const = default;
};
std::vector<Mount> mounts(std::string_view mountinfo);

// The device of the file system that is mounted with that id. stat() of a file reports another one
// on overlayfs and btrfs.
std::optional<dev_t> device_of_mount(std::string_view mountinfo, uint64_t id);

}  // namespace ostiary::selftest
