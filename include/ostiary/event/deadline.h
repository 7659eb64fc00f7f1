// event/deadline.h: until when to wait.
#pragma once

#include <chrono>
#include <optional>

#include <time.h>

namespace ostiary::event {

// Nothing is never.
using Deadline = std::optional<std::chrono::steady_clock::time_point>;

inline Deadline earlier(Deadline a, Deadline b) {
  if (!a || !b) return a ? a : b;
  return *a < *b ? a : b;
}

// For poll(2) and epoll_wait(2), rounded up; -1 without a deadline.
int milliseconds_until(Deadline deadline);

// For sigtimedwait(2); nothing without a deadline.
std::optional<timespec> time_until(Deadline deadline);

}  // namespace ostiary::event
