// audit/fold.h: keeps a flood of denials from becoming a flood of lines.
// - Of what happens within one window the first limits::fold_passed pass; of the rest, equal ones are
// counted.
//   Equal means every field but the count, so a counted line is true of all that it counts.
// - At most limits::fold_entries are told apart, in bounded memory; what exceeds that is counted as "other".
// - Nothing is lost in silence: the counts of all that passes and all that flush() gives add up to the counts
//   of all that was added.
// - Its cost does not depend on what names somebody chooses.
// Pure: time is passed in and need only not run backwards.
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

// What the agent can cause as often as it likes.
using Foldable = std::variant<DenyName, DenyPacket, UpstreamFailure>;

class Fold {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class Outcome : uint8_t { pass, folded };

  // `pass`: the caller writes the event now. `folded`: a later flush() gives it.
  Outcome add(const Foldable& event, Time now);

  // Denials of which no more is known than how many they are.
  void add_others(uint64_t count, Time now);

  // When flush() is to be called; nothing while nothing is counted.
  std::optional<Time> due() const { return due_; }

  // Gives each counted event to the sink, valid during the call, and forgets it. To be called when it is due,
  // and once more at the end.
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
    std::unique_ptr<char[]> texts;  // what the key borrows
    uint64_t count = 0;
  };
  struct Folded {
    std::map<Foldable, Entry> entries;  // the keys' own counts are 0
    uint64_t denials = 0;               // beside the entries
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
