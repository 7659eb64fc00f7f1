// allocations.h: how often this thread has asked the heap for memory.
#pragma once

#include <cstddef>

namespace ostiary::testing {

size_t allocations();

}  // namespace ostiary::testing
