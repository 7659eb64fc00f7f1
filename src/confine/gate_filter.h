// confine/gate_filter.h: the filter of the gate's system calls.
// - The calls that the gate needs are listed. Any other call ends the process.
// - New sockets are of IP. Netlink sockets must be open before.
#pragma once

#include <span>

#include <linux/filter.h>

namespace ostiary::confine {

// The BPF program for this machine's architecture.
std::span<const sock_filter> gate_filter();

}  // namespace ostiary::confine
