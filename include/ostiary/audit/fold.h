// audit/fold.h: keeps a flood of denials from becoming a flood of lines.
// - In each window the first limits::fold_passed events pass. Later events are counted, and equal
//   events share one counter. Equal means that every field but the count is equal.
// - At most limits::fold_entries kinds of events are counted separately, in bounded memory. The
//   rest is counted as "other".
// - No event is lost: the counts of the events that pass and of those that flush() returns add up
//   to the counts of the events that were added.
// - The cost of an event does not depend on the names that the agent chooses.
// - Pure: the caller passes the time, which must not go backwards.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "ostiary/audit/event.h"

namespace ostiary::audit {

// The events that the agent can cause without a limit.
using Foldable = std::variant<DenyName, DenyPacket, DenyMisnamed, UpstreamFailure>;

class Fold {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class Outcome : uint8_t { pass, folded };

  // `pass`: the caller writes the event now. `folded`: a later flush() passes it to the sink.
  Outcome add(const Foldable& event, Time now);

  // Adds denials of which only the number is known.
  void add_others(uint64_t count, Time now);

  // The time at which to call flush(). Empty while no event is counted.
  std::optional<Time> due() const { return due_; }

  // Passes each counted event to the sink and forgets it. The event is valid only during the call
  // of the sink. The caller flushes when due() is reached, and once at the end.
  template <std::invocable<const Event&> Sink>
  void flush(Sink&& sink) {
    const Folded folded = take();
    for (const auto& [event, entry] : folded.entries) sink(counted(event, entry.count));
    if (folded.denials > 0) sink(Event(DenyOther{folded.denials}));
    if (folded.failures > 0)
      sink(Event(UpstreamFailure{.name = {}, .why = "other", .count = folded.failures}));
  }

 private:
  struct Entry {
    std::unique_ptr<char[]> texts;  // the memory of the texts in the key
    uint64_t count = 0;
  };
  struct Folded {
    std::map<Foldable, Entry> entries;  // the counts in the keys are 0
    uint64_t denials = 0;               // those without an entry
    uint64_t failures = 0;
  };

  Folded take();
  static Event counted(const Foldable& event, uint64_t count);

  std::optional<Time> window_;
  std::optional<Time> due_;
  size_t passed_ = 0;
  Folded folded_;
};

}  // namespace ostiary::audit
