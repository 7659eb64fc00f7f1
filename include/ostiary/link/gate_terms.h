// link/gate_terms.h: what the keeper decides for a gate, beside the rules and the servers.
#pragma once

#include <chrono>
#include <cstdint>

namespace ostiary::gate {

// Whether this network has a route for a family's addresses.
// - For an unreachable family the answer holds no data, so no client waits for a connection that
//   cannot succeed.
// - If both families are unreachable, the answer is SERVFAIL.
enum class Reachability : uint8_t { unreachable, reachable };

struct Terms {
  std::chrono::seconds hold;  // the minimum duration of an admission
  Reachability ipv4 = Reachability::reachable;
  Reachability ipv6 = Reachability::reachable;
};

// Whether the kernel's sets were empty when this gate started.
enum class InitialSets : uint8_t { empty, continued };

}  // namespace ostiary::gate
