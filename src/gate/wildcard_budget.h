// gate/wildcard_budget.h: limits the questions that go upstream for names that only a wildcard allows.
// - A question is counted before it is sent. If the gate dies in between, it stays counted.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "ostiary/link/wildcard_count.h"

namespace ostiary::gate {

class WildcardBudget {
 public:
  using Time = std::chrono::steady_clock::time_point;  // the same clock in all processes

  // `count` must outlive the WildcardBudget.
  explicit WildcardBudget(WildcardCount& count) : count_(count) {}

  enum class Spent : uint8_t { nothing, a_question };

  // Counts a question. Spent::nothing: the budget is used up, and it must not be sent.
  Spent spend(Time now) {
    std::atomic<int64_t>& slot = count_.sent[count_.next % count_.sent.size()];
    const Time sent{Time::duration(slot.load())};
    if (sent != Time{} && now - sent < limits::wildcard_window) return Spent::nothing;
    ++count_.next;
    slot = now.time_since_epoch().count();
    return Spent::a_question;
  }

 private:
  WildcardCount& count_;
};

}  // namespace ostiary::gate
