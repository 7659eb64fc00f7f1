// platform/host_facts.h: reads the machine's facts for the resource attributes.
#pragma once

#include "ostiary/platform/platform.h"

namespace ostiary::platform {

// A fact that cannot be read is empty.
platform::HostFacts read_host_facts();

}  // namespace ostiary::platform
