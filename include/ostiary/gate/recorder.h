// gate/recorder.h: the gate's way to the audit: what the agent can cause as often as it likes is folded. What
// was told is written by write(), when nobody waits for an answer any more.
#pragma once

#include <chrono>
#include <optional>

#include "ostiary/audit/fold.h"
#include "ostiary/audit/journal.h"
#include "ostiary/gate/limits.h"

namespace ostiary::gate {

class Recorder {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Recorder(audit::Journal journal) : journal_(std::move(journal)) {}

  void tell(const audit::Event& event) { journal_.note(event, std::chrono::system_clock::now()); }
  // Who caused later events that do not say it themselves.
  void set_actor(audit::Actor actor) { actor_ = actor; }

  void record_folded(audit::Foldable event, Time now) {
    std::visit(
        [this](auto& each) {
          if constexpr (requires { each.by; })
            if (each.by == audit::Actor::agent) each.by = actor_;
        },
        event);
    if (fold_.add(event, now) == audit::Fold::Outcome::pass)
      std::visit([this](const auto& each) { tell(each); }, event);
  }

  // Denials that cannot be told apart.
  void record_others(uint64_t count, Time now) { fold_.add_others(count, now); }

  void write() { journal_.flush(); }

  // Whether the audit's file wants another in its place; the keeper makes it, and is not asked again at once.
  bool asks_for_file(Time now) {
    if (!journal_.wants_new_file() || now < ask_again_) return false;
    ask_again_ = now + limits::audit_patience;
    return true;
  }
  void continue_in(UniqueFd file) {
    journal_.flush();
    journal_.continue_in(std::move(file));
    ask_again_ = {};
  }

  // When flush() is to be called; nothing while nothing waits.
  std::optional<Time> due() const { return fold_.due(); }
  void flush() {
    fold_.flush([this](const audit::Event& event) { tell(event); });
  }

 private:
  audit::Journal journal_;
  audit::Fold fold_;
  audit::Actor actor_ = audit::Actor::agent;
  Time ask_again_{};
};

}  // namespace ostiary::gate
