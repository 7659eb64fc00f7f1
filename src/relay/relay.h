// relay/relay.h: the relay's process (docs/architecture.md).
// - It reads the credentials and the certificates, confines itself, and makes the process that serves the
//   agent. If that one dies, it makes another. It reads no octet of the agent itself.
#pragma once

#include "ostiary/base/result.h"

namespace ostiary::relay {

// The main function of ostiary-relay, which only the keeper starts. Its result is the exit status.
Result<int> run();

}  // namespace ostiary::relay
