// link/gate_limits.h: the limits of the gate that the keeper needs too. gate/limits.h has all others.
#pragma once

#include <chrono>
#include <cstddef>

namespace ostiary::gate::limits {

inline constexpr size_t ports_of_a_name = 1024;

// Questions for names that only a wildcard allows, sent upstream within any window of this length: A
// and AAAA are two. Each name can carry data to the servers of its domain.
inline constexpr std::chrono::seconds wildcard_window{60};
inline constexpr size_t wildcard_questions_a_window = 600;

}  // namespace ostiary::gate::limits
