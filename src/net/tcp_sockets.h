// net/tcp_sockets.h: lists the TCP sockets of this network namespace.
#pragma once

#include <cstdint>
#include <vector>

#include <linux/inet_diag.h>

#include "ostiary/base/result.h"
#include "ostiary/netlink/socket.h"

namespace ostiary::net {

// A request about sockets of a family that are in one of the states: a mask of 1 << TCP_….
inet_diag_req_v2 about_tcp(uint8_t family, uint32_t states);

// Those of both families.
Result<std::vector<inet_diag_msg>> list_tcp_sockets(netlink::Socket& socket, uint32_t states);

}  // namespace ostiary::net
