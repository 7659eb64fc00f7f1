// net/closed_sockets.h: TCP connections without a process, which the kernel goes on sending for.
// A process that has ended leaves what it wrote and nobody acknowledged: the kernel retransmits it for
// minutes, without asking whether the rules are still there.
#pragma once

#include <cstdint>
#include <vector>

#include "ostiary/base/result.h"

namespace ostiary::net {

// Whose connections are ended.
struct Owners {
  std::vector<uint32_t> users;  // the agent and the gate
  enum class Scope : uint8_t {
    everybody,  // every closed connection of this network namespace, and all of those users but root
    users,      // all connections of those users, and no other
  } scope = Scope::everybody;
};

enum class Senders : uint8_t { none, some };

// Ends them without sending what they hold. Requires that the agent's processes have ended. Senders::some:
// one that may be the agent's still has something to send, since this kernel cannot end it, does not say
// whose it is, or another process holds it.
Result<Senders> end_closed_connections(const Owners& owners);

}  // namespace ostiary::net
