// net/unix_sockets.h: the Unix sockets of this network namespace that processes can connect to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "ostiary/base/result.h"

namespace ostiary::net {

// Whether a name of an abstract socket is one that the kernel gives to clients.
bool is_autobound(std::string_view name);

// The file that bind() made, wherever it is now, as the kernel knows it.
struct SocketFile {
  dev_t device = 0;    // of the file system; on overlayfs and btrfs, stat() reports other devices
  uint32_t inode = 0;  // the last 32 bits

  bool operator==(const SocketFile&) const = default;
};

struct UnixSocket {
  // As it was bound: an absolute path, a path relative to a directory that the kernel does not
  // list, or an abstract name, whose first octet is 0.
  std::string name;
  uint64_t inode = 0;                   // of the socket: socket:[inode] in /proc/PID/fd
  std::optional<SocketFile> file = {};  // nothing for an abstract name, or if the list lacks it
};

// Listening sockets and datagram sockets that have a name. Autobound names are left out. Requires a
// kernel with unix_diag.
Result<std::vector<UnixSocket>> connectable_unix_sockets();

}  // namespace ostiary::net
