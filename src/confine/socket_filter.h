// socket_filter.h: which sockets a confined process can make.
// The rules judge IP packets, by who sent them: so there are Unix sockets, plain IP sockets and a netlink
// that asks the kernel, and nothing that speaks past the rules or has the kernel send packets of its own.
// What can be had is listed; every other family is EAFNOSUPPORT, every other protocol EPROTONOSUPPORT. What
// is a TCP socket stays one.
#pragma once

#include <span>

#include <linux/filter.h>

#include "ostiary/base/result.h"

namespace ostiary::confine {

// The program, for this machine's architecture.
std::span<const sock_filter> socket_filter();

// For this process and all that comes of it, for good. Requires no_new_privs.
Result<> install_filter(std::span<const sock_filter> instructions);

}  // namespace ostiary::confine
