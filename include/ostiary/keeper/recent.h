// keeper/recent.h: limits how often a helper may end, or another process may change the rules,
// before the keeper ends the agent.
// - Only the events of the last minute count.
// - Pure: the caller passes the time, which must not go backwards.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>

namespace ostiary::keeper {

class RecentEvents {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::minutes window{1};

  explicit RecentEvents(size_t most) : most_(most) {}

  void note(Time now) {
    times_.push_back(now);
    while (times_.front() + window < now) times_.pop_front();
  }

  // Within the window that ends with the last event. The last event counts too.
  size_t count() const { return times_.size(); }
  bool too_many() const { return count() > most_; }

 private:
  size_t most_;
  std::deque<Time> times_;
};

inline constexpr std::chrono::milliseconds longest_pause{2000};
static_assert(longest_pause < RecentEvents::window);

// The first restart within the window is immediate. Each further one waits twice as long.
constexpr std::chrono::milliseconds pause_before_restart(size_t deaths) {
  using std::chrono::milliseconds;
  if (deaths <= 1) return milliseconds(0);
  return std::min(longest_pause, milliseconds(10) * (1 << std::min<size_t>(deaths - 2, 16)));
}

}  // namespace ostiary::keeper
