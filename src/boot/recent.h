// boot/recent.h: counts the events of the last minute.
#pragma once

#include <chrono>
#include <deque>

namespace ostiary::boot {

// Adds an event, forgets those that are older than a minute, and counts the rest.
inline size_t note(std::deque<std::chrono::steady_clock::time_point>& events,
                   std::chrono::steady_clock::time_point now) {
  events.push_back(now);
  while (events.front() + std::chrono::minutes(1) < now) events.pop_front();
  return events.size();
}

}  // namespace ostiary::boot
