// gate/recorder.h: records the gate's audit events.
// - Events that the agent can cause without a limit are folded (audit/fold.h).
// - write() writes the recorded events. The gate calls it after it has sent the answers.
#pragma once

#include <chrono>
#include <optional>

#include "limits.h"
#include "ostiary/audit/fold.h"
#include "ostiary/audit/journal.h"

namespace ostiary::gate {

class Recorder {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Recorder(audit::Journal journal) : journal_(std::move(journal)) {}

  void record(const audit::Event& event) { journal_.note(event, std::chrono::system_clock::now()); }
  // The cause of later events whose `by` is the agent, the default.
  void set_actor(audit::Actor actor) { actor_ = actor; }

  void record_folded(audit::Foldable event, Time now) {
    std::visit(
        [this](auto& each) {
          if constexpr (requires { each.by; })
            if (each.by == audit::Actor::agent) each.by = actor_;
        },
        event);
    if (fold_.add(event, now) == audit::Fold::Outcome::pass)
      std::visit([this](const auto& each) { record(each); }, event);
  }

  // Denials of which only the number is known.
  void record_others(uint64_t count, Time now) { fold_.add_others(count, now); }

  void write() { journal_.flush(); }

  // Whether to ask the keeper for a new audit file. False until limits::audit_file_retry after the
  // last true result, or until continue_in().
  bool asks_for_file(Time now) {
    if (!journal_.wants_new_file() || now < ask_again_) return false;
    ask_again_ = now + limits::audit_file_retry;
    return true;
  }
  void continue_in(UniqueFd file) {
    journal_.flush();
    journal_.continue_in(std::move(file));
    ask_again_ = {};
  }

  // The time at which to call flush(). Empty while no folded event waits.
  std::optional<Time> due() const { return fold_.due(); }
  void flush() {
    fold_.flush([this](const audit::Event& event) { record(event); });
  }

 private:
  audit::Journal journal_;
  audit::Fold fold_;
  audit::Actor actor_ = audit::Actor::agent;
  Time ask_again_{};
};

}  // namespace ostiary::gate
