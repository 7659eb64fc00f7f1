// net/closed_sockets.h: ends TCP connections that have no process and still send.
// When a process closes a connection or ends, the kernel retransmits its unacknowledged data for
// minutes, whether or not the rules still exist. Such packets have no owner that a rule could
// match.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/inet/connection.h"

namespace ostiary::net {

// Whose connections to end.
struct Owners {
  std::vector<uint32_t> users;  // the agent and the gate
  enum class Scope : uint8_t {
    everybody,  // every closed connection of this network namespace, and all of `users` except root
    users,      // all connections of `users`, and no other
  } scope = Scope::everybody;
};

// Whether a connection is left that has data to send.
enum class Senders : uint8_t { none, some };

// Ends the connections without sending the data that they hold. Requires that the agent's processes
// have ended. Senders::some: a connection that may be the agent's still has data to send, because
// this kernel cannot end it, does not report its owner, or another process holds it.
Result<Senders> end_closed_connections(const Owners& owners);

enum class Keep : uint8_t { no, yes };

// Ends the user's present connections, open or closed, unless `keep` says yes. Older kernels report
// root as the owner of a closed connection: those end too, whichever user had them. An error if one
// is left.
Result<> end_connections_of(uint32_t user, const std::function<Result<Keep>(const inet::Connection&)>& keep);

}  // namespace ostiary::net
