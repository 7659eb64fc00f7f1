// waits.h: how long a test has waited in vain: time limits that ran out, and sleeps, of this process
// and of those that it forked. A wait that an event ends does not count, so a busy machine makes no
// difference. Neither do waits of less than a millisecond, between two looks at a state.
#pragma once

#include <chrono>

namespace ostiary::testing {

std::chrono::nanoseconds waited_in_vain();

// While it exists, no wait counts: for a second try that only a busy machine needs.
class ExcusedWaits {
 public:
  ExcusedWaits() : before_(waited_in_vain()) {}
  ExcusedWaits(const ExcusedWaits&) = delete;
  ExcusedWaits& operator=(const ExcusedWaits&) = delete;
  ~ExcusedWaits();

 private:
  std::chrono::nanoseconds before_;
};

}  // namespace ostiary::testing
