// net/interfaces.h: the interfaces of this network namespace.
#pragma once

#include "ostiary/base/result.h"

namespace ostiary::net {

// A new network namespace has `lo` down, and with it 127.0.0.1 and ::1. Up already is fine.
Result<> bring_loopback_up();

}  // namespace ostiary::net
