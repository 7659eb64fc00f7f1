// boot/host_facts.h: what the machine says about itself, for the resource attributes.
#pragma once

#include "ostiary/telemetry/platform.h"

namespace ostiary::boot {

// What cannot be read is empty.
telemetry::HostFacts read_host_facts();

}  // namespace ostiary::boot
