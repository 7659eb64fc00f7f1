// gate/wildcard_budget.h: how many names that only a wildcard allows may go upstream within any minute.
// - The count is in memory of the keeper's, which every gate maps: a gate that is killed does not renew it.
// - A name is counted before it is sent, so that a gate that dies in between has spent it.
// The gate is trusted with the count: a gate that would not keep it can send what it likes anyway.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "ostiary/gate/limits.h"

namespace ostiary::gate {

// A ring of the times at which names were sent. A place is free again a window after its time, so no window
// has more names than the ring has places. One gate at a time writes it.
struct WildcardCount {
  std::atomic<uint64_t> next{};  // of the places, in turn; the one whose name is the oldest
  std::array<std::atomic<int64_t>, limits::wildcard_names_a_window> sent{};  // 0: never
};
static_assert(std::atomic<int64_t>::is_always_lock_free && std::atomic<uint64_t>::is_always_lock_free);

class WildcardBudget {
 public:
  using Time = std::chrono::steady_clock::time_point;  // one clock for all processes

  // `count` outlives this.
  explicit WildcardBudget(WildcardCount& count) : count_(count) {}

  enum class Spent : uint8_t { nothing, a_name };

  // Takes a name out of the budget, unless it is used up.
  Spent spend(Time now) {
    std::atomic<int64_t>& place = count_.sent[count_.next % count_.sent.size()];
    const Time sent{Time::duration(place.load())};
    if (sent != Time{} && now - sent < limits::wildcard_window) return Spent::nothing;
    ++count_.next;
    place = now.time_since_epoch().count();
    return Spent::a_name;
  }

 private:
  WildcardCount& count_;
};

}  // namespace ostiary::gate
