// netlink/own_sockets.h: the netfilter sockets that this process has, a library's too.
#pragma once

#include <cstdint>
#include <vector>

#include "ostiary/base/result.h"

namespace ostiary::netlink {

Result<std::vector<int>> own_sockets();

// The number by which the kernel knows it. It has one from its first message on, or from here on.
Result<uint32_t> port_of(int socket);

}  // namespace ostiary::netlink
