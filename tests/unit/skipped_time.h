// skipped_time.h: time that passes at once, also for a library that reads the clock itself.
#pragma once

#include <chrono>

namespace ostiary::testing {

// From now on this process reads a monotonic clock that is that much further ahead.
void skip_time(std::chrono::nanoseconds time);

}  // namespace ostiary::testing
