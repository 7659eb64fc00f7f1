// confine/socket_filter.h: the filter of system calls, and so the sockets of a confined process.
// - The rules judge IP packets by their sender. So a confined process can make Unix sockets, plain
//   IP sockets, and netlink sockets that query the kernel. It can make no socket that bypasses the
//   rules, and none for which the kernel sends packets of its own.
// - The families and protocols that are allowed are listed. Any other family is EAFNOSUPPORT, any
//   other protocol EPROTONOSUPPORT.
// - A TCP socket cannot be turned into a socket of another protocol.
#pragma once

#include <span>

#include <linux/filter.h>

namespace ostiary::confine {

// The BPF program for this machine's architecture.
std::span<const sock_filter> socket_filter();

}  // namespace ostiary::confine
