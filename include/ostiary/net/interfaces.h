// net/interfaces.h: the interfaces of this network namespace.
#pragma once

#include "ostiary/base/result.h"

namespace ostiary::net {

// In a new network namespace `lo` is down, so that 127.0.0.1 and ::1 cannot be reached. It is not
// an error if it is up already.
Result<> bring_loopback_up();

}  // namespace ostiary::net
