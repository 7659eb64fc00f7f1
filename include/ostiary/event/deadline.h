// event/deadline.h: the time at which a wait ends.
#pragma once

#include <chrono>
#include <optional>

#include <time.h>

namespace ostiary::event {

// An empty Deadline means: wait without a limit.
using Deadline = std::optional<std::chrono::steady_clock::time_point>;

inline Deadline earlier(Deadline a, Deadline b) {
  if (!a || !b) return a ? a : b;
  return *a < *b ? a : b;
}

// A timeout for poll(2) and epoll_wait(2), rounded up. -1 without a deadline.
int milliseconds_until(Deadline deadline);

// A timeout for sigtimedwait(2). Nothing without a deadline.
std::optional<timespec> time_until(Deadline deadline);

}  // namespace ostiary::event
