// confine/helper_filters.h: the filters of the helpers' system calls.
// - The calls that a helper needs are listed. Any other call ends the process.
#pragma once

#include <span>

#include <linux/filter.h>

namespace ostiary::confine {

// The BPF programs for this machine's architecture.

// New sockets are of IP. Netlink sockets must be open before.
std::span<const sock_filter> gate_filter();
// No new socket, and no connection. Files can be opened, and children can be made.
std::span<const sock_filter> relay_filter();
// Of a relay's child: no file, and no process.
std::span<const sock_filter> serving_relay_filter();

}  // namespace ostiary::confine
