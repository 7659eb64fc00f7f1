// netlink/own_sockets.h: finds the netfilter sockets of this process, including those of libraries.
#pragma once

#include <cstdint>
#include <vector>

#include "ostiary/base/result.h"

namespace ostiary::netlink {

Result<std::vector<int>> own_sockets();

// The socket's netlink port id. A socket gets one with its first message. If it has none yet, this
// function binds it to one.
Result<uint32_t> port_of(int socket);

}  // namespace ostiary::netlink
