// boot/rules_after.h: whether the rules are removed when the boot has ended.
// - They stay while a confined process may be left, of this boot or of an earlier one.
// - A boot that failed, or that was ended before its agent started, leaves the network denied,
//   unless that would cut off the machine itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ostiary/plan/plan.h"

namespace ostiary::boot {

// A boot that failed before it loaded rules must keep those of an earlier one.
enum class BootEnd : uint8_t { failed_before_rules, failed, complete };
enum class Remaining : uint8_t { none, some };

// Confined processes that may still run.
struct RemainingProcesses {
  Remaining children = Remaining::some;  // a process that could not be killed
  Remaining sessions = Remaining::some;  // of `ostiary exec`, which are not ours to end
  Remaining earlier = Remaining::some;   // of a boot that did not end in order
};

constexpr bool none_is_left(const RemainingProcesses& left) {
  return left.children == Remaining::none && left.sessions == Remaining::none &&
         left.earlier == Remaining::none;
}

inline plan::RulesAtEnd rules_after(const plan::Enclosure& enclosure, BootEnd boot,
                                    const RemainingProcesses& left) {
  if (boot == BootEnd::failed_before_rules || !none_is_left(left)) return plan::RulesAtEnd::kept;
  const bool cuts_off_machine =
      enclosure.network == net::NamespaceKind::machine && enclosure.scope.cuts_off_machine;
  return boot == BootEnd::failed && !cuts_off_machine ? plan::RulesAtEnd::kept : enclosure.rules_at_end;
}

// For the log: why the rules stayed although no setting keeps them, and how to remove them.
// `senders` is the reason if the kernel may still send for processes that have ended, else empty.
std::string explain_kept_rules(BootEnd boot, const RemainingProcesses& left, std::string_view senders);

}  // namespace ostiary::boot
