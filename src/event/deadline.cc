#include "ostiary/event/deadline.h"

#include <algorithm>
#include <climits>

namespace ostiary::event {

int milliseconds_until(Deadline deadline) {
  if (!deadline) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(*deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, INT_MAX));
}

std::optional<timespec> time_until(Deadline deadline) {
  using namespace std::chrono;
  if (!deadline) return std::nullopt;
  const nanoseconds left = std::max<nanoseconds>(*deadline - steady_clock::now(), nanoseconds::zero());
  const auto whole = floor<seconds>(left);
  return timespec{.tv_sec = whole.count(), .tv_nsec = (left - whole).count()};
}

}  // namespace ostiary::event
