// gate/wildcard_budget.h: limits the questions that go upstream for names that only a wildcard allows.
// - The count is in the keeper's memory, which every gate maps: killing a gate does not reset it.
// - A question is counted before it is sent. If the gate dies in between, it stays counted.
// - The gate is trusted with the count: a compromised gate could send any question anyway.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "ostiary/gate/limits.h"

namespace ostiary::gate {

// A ring of the times at which questions were sent. A slot is free one window after its time, so no
// window has more questions than the ring has slots. One gate at a time writes it.
struct WildcardCount {
  std::atomic<uint64_t> next{};  // the slot with the oldest time, modulo the number of slots
  std::array<std::atomic<int64_t>, limits::wildcard_questions_a_window> sent{};  // 0: unused
};
static_assert(std::atomic<int64_t>::is_always_lock_free && std::atomic<uint64_t>::is_always_lock_free);

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
