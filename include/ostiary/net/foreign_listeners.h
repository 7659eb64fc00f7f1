// net/foreign_listeners.h: TCP services of this network namespace whose process is not in /proc.
// Such a process is outside of the container, and may have another network besides.
#pragma once

#include <string>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/net/socket_holders.h"

namespace ostiary::net {

struct ForeignListeners {
  std::vector<std::string> places;  // "127.0.0.1:7777", "[::1]:7777"
  Seen processes = Seen::partly;    // partly: a process of this container may have one open after all
};

// Leaves out Docker's resolver, 127.0.0.11. Requires a kernel with tcp_diag.
Result<ForeignListeners> find_foreign_listeners();

// A warning. Empty if there are none.
std::string describe(const ForeignListeners& listeners);

}  // namespace ostiary::net
