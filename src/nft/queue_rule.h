// nft/queue_rule.h: adds the rule that has packets wait for the gate.
// - Kernels have it as the expression `queue`, or as iptables' target NFQUEUE, which libnftables cannot write.
#pragma once

#include <cstdint>

#include "ostiary/base/result.h"
#include "ostiary/netlink/socket.h"
#include "ostiary/nft/table.h"

namespace ostiary::nft {

// Puts it first in the chain `ask` of the table inet ostiary. An error says what to load, or to switch off.
Result<QueueForm> add_queue_rule(netlink::Socket& socket, uint16_t queue);

}  // namespace ostiary::nft
