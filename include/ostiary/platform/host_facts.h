// platform/host_facts.h: what the machine says about itself, for the resource attributes.
#pragma once

#include "ostiary/platform/platform.h"

namespace ostiary::platform {

// What cannot be read is empty.
platform::HostFacts read_host_facts();

}  // namespace ostiary::platform
