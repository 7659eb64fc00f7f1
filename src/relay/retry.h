// relay/retry.h: how long to wait before the next try.
// - The pause doubles with each failure, within limits, and is made random by up to a half, so that
//   the relays of many containers do not return at the same time.
// - The collector can ask for a longer pause (Retry-After), within limits.
#pragma once

#include <chrono>
#include <optional>
#include <span>

#include "ostiary/http/field.h"

namespace ostiary::relay {

namespace limits {
inline constexpr std::chrono::milliseconds first_pause{1000};
inline constexpr std::chrono::milliseconds longest_pause{30'000};
inline constexpr std::chrono::seconds longest_pause_asked_for{300};
}  // namespace limits

class Retry {
 public:
  // `random` is from 0 up to, and without, 1.
  std::chrono::milliseconds after_failure(double random, std::optional<std::chrono::seconds> asked_for = {});
  void succeeded() { pause_ = limits::first_pause; }

 private:
  std::chrono::milliseconds pause_ = limits::first_pause;
};

// The Retry-After field, if it is a number of seconds.
std::optional<std::chrono::seconds> retry_after(std::span<const http::Field> fields);

}  // namespace ostiary::relay
