// gate/wildcard_budget.h: how many names that only a wildcard allows may go upstream within a minute.
// - The count is in memory of the keeper's, which every gate maps: a gate that is killed does not renew it.
// - A name is counted before it is sent, so that a gate that dies in between has spent it.
// The gate is trusted with the count: a gate that would not keep it can send what it likes anyway.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "ostiary/gate/limits.h"

namespace ostiary::gate {

// The window that began last, and the names sent since. One gate at a time writes it.
struct WildcardCount {
  std::atomic<int64_t> window_begin{};  // of the steady clock, which is every process's
  std::atomic<uint64_t> names{};
};
static_assert(std::atomic<int64_t>::is_always_lock_free && std::atomic<uint64_t>::is_always_lock_free);

class WildcardBudget {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `count` outlives this.
  explicit WildcardBudget(WildcardCount& count) : count_(count) {}

  enum class Spent : uint8_t { nothing, a_name };

  // Takes a name out of the budget, unless it is used up.
  Spent spend(Time now) {
    const Time begin{Time::duration(count_.window_begin.load())};
    if (now - begin >= limits::wildcard_window) {
      count_.window_begin = now.time_since_epoch().count();
      count_.names = 0;
    }
    if (count_.names >= limits::wildcard_names_a_window) return Spent::nothing;
    ++count_.names;
    return Spent::a_name;
  }

 private:
  WildcardCount& count_;
};

}  // namespace ostiary::gate
