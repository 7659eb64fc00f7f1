// boot/rules_after.h: whether the rules go when the boot has ended.
// A boot that failed, or that was ended before its agent started, leaves the network denied, unless that
// would cut off the machine itself. They stay in front of every confined process that may be left, of this
// boot or of an earlier one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ostiary/plan/plan.h"

namespace ostiary::boot {

enum class BootEnd : uint8_t { failed, complete };
enum class Remaining : uint8_t { none, some };

// Who may be left of those that were confined.
struct RemainingProcesses {
  Remaining children = Remaining::some;  // a process that could not be killed
  Remaining sessions = Remaining::some;  // of `ostiary exec`, which are not ours to end
  Remaining earlier = Remaining::some;   // of a boot that did not end in order
};

constexpr bool nobody_is_left(const RemainingProcesses& left) {
  return left.children == Remaining::none && left.sessions == Remaining::none &&
         left.earlier == Remaining::none;
}

inline plan::RulesAtEnd rules_after(const plan::Plan& plan, BootEnd boot, const RemainingProcesses& left) {
  if (!nobody_is_left(left)) return plan::RulesAtEnd::kept;
  const bool cuts_off_machine =
      plan.enclosure.network == net::NamespaceKind::machine && plan.enclosure.scope.cuts_off_machine;
  return boot == BootEnd::failed && !cuts_off_machine ? plan::RulesAtEnd::kept : plan.enclosure.rules_at_end;
}

// For people: why they stayed where nobody asked for it, and what removes them. `senders` is what the kernel
// still sends for processes that have ended; empty where it does not.
std::string tell_rules_stay(BootEnd boot, const RemainingProcesses& left, std::string_view senders);

}  // namespace ostiary::boot
