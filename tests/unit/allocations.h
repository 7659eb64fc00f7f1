// allocations.h: the number of heap allocations of this thread.
#pragma once

#include <cstddef>

namespace ostiary::testing {

size_t allocations();

}  // namespace ostiary::testing
