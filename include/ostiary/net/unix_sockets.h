// net/unix_sockets.h: the Unix sockets of this network namespace that processes can connect to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/result.h"

namespace ostiary::net {

// Whether a name of an abstract socket is one that the kernel gives to clients.
bool is_autobound(std::string_view name);

// The names of listening sockets and of datagram sockets: absolute paths, and abstract names, whose
// first octet is 0. Autobound names are left out. Requires a kernel with unix_diag.
Result<std::vector<std::string>> connectable_unix_sockets();

}  // namespace ostiary::net
