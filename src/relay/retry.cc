#include "relay/retry.h"

#include <algorithm>

#include "ostiary/base/text.h"

namespace ostiary::relay {

using std::chrono::milliseconds;
using std::chrono::seconds;

milliseconds Retry::after_failure(double random, std::optional<seconds> asked_for) {
  const double share = 0.5 + random / 2;
  const milliseconds pause(static_cast<int64_t>(static_cast<double>(pause_.count()) * share));
  pause_ = std::min(2 * pause_, limits::longest_pause);
  if (!asked_for) return pause;
  return std::max(pause, milliseconds(std::min(*asked_for, limits::longest_pause_asked_for)));
}

std::optional<seconds> retry_after(std::span<const http::Field> fields) {
  const auto field = std::ranges::find_if(
      fields, [](const http::Field& each) { return equal_ignoring_case(each.name, "retry-after"); });
  if (field == fields.end()) return std::nullopt;
  const auto number = parse_number<uint32_t>(field->value);
  return number ? std::optional(seconds(*number)) : std::nullopt;
}

}  // namespace ostiary::relay
