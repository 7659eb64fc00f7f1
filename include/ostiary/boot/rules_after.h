// boot/rules_after.h: whether the rules go when the boot has ended.
// A boot that failed, or that was ended before its agent started, leaves the network denied, unless that
// would cut off the machine itself. They stay in front of whoever is left that was confined: a process that
// could not be ended, or a session of `ostiary exec`, which is not ours to end.
#pragma once

#include <cstdint>

#include "ostiary/boot/plan.h"

namespace ostiary::boot {

enum class BootEnd : uint8_t { failed, complete };
enum class Left : uint8_t { nobody, somebody };

inline RulesAtEnd rules_after(const Plan& plan, BootEnd boot, Left children, Left sessions) {
  if (children == Left::somebody || sessions == Left::somebody) return RulesAtEnd::kept;
  const bool cuts_off_machine =
      plan.network == net::NamespaceKind::machine && plan.scope == config::Scope::container;
  return boot == BootEnd::failed && !cuts_off_machine ? RulesAtEnd::kept : plan.rules_at_end;
}

}  // namespace ostiary::boot
