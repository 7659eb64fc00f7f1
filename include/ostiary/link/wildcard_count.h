// link/wildcard_count.h: the questions that went upstream for names that only a wildcard allows.
// - The count is in the keeper's memory, which every gate maps: killing a gate does not reset it.
// - The gate is trusted with the count: a compromised gate could send any question anyway.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "ostiary/link/gate_limits.h"

namespace ostiary::gate {

// A ring of the times at which questions were sent. A slot is free one window after its time, so no
// window has more questions than the ring has slots. One gate at a time writes it.
struct WildcardCount {
  std::atomic<uint64_t> next{};  // the slot with the oldest time, modulo the number of slots
  std::array<std::atomic<int64_t>, limits::wildcard_questions_a_window> sent{};  // 0: unused
};
static_assert(std::atomic<int64_t>::is_always_lock_free && std::atomic<uint64_t>::is_always_lock_free);

}  // namespace ostiary::gate
