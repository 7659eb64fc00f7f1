// boot/audit_trail.h: the keeper's part of the audit.
// - It records the keeper's events. The relay gets them too, if it sends them on.
// - The keeper alone begins new files. It hands each one over to the helpers that write to it too.
#pragma once

#include <functional>
#include <vector>

#include "ostiary/audit/journal.h"
#include "ostiary/base/result.h"
#include "ostiary/link/audit_lines.h"
#include "ostiary/plan/plan.h"

namespace ostiary::boot {

class AuditTrail {
 public:
  explicit AuditTrail(audit::Journal journal) : journal_(std::move(journal)) {}
  // Opens what the plan names, or else the default file, or else standard error.
  static Result<AuditTrail> open(const plan::Outputs& outputs);

  // All further lines, and those of the gate, wait for the relay in a pair of sockets.
  Result<> copy_to_relay();

  void record(const audit::Event& event);
  // A helper asks for a new file. The journal decides whether one is due. If none can be made, the
  // helper asks again, and the present file stays within its bound.
  void begin_new_file();
  // Calls `hand_over` with the descriptor of each file that follows.
  void share_with(std::function<void(int file)> hand_over) { sharers_.push_back(std::move(hand_over)); }

  // -1: no audit.
  int fd() const { return journal_.fd(); }
  // The ends of the pair. -1: the relay gets no lines.
  int senders_end() const { return relay_.senders.get(); }
  int relays_end() const { return relay_.relay.get(); }
  audit::FileBound bound() const { return journal_.bound(); }
  audit::AuditRoad road() const { return journal_.road(); }

 private:
  audit::Journal journal_;
  link::AuditPair relay_ = {};
  std::vector<std::function<void(int file)>> sharers_;
};

}  // namespace ostiary::boot
