#include "rules_after.h"

namespace ostiary::boot {

std::string explain_kept_rules(BootEnd boot, const RemainingProcesses& left, std::string_view senders) {
  std::string why;
  const auto add = [&why](std::string_view reason) { why.append(why.empty() ? "" : "; ").append(reason); };
  if (boot != BootEnd::complete) add("the boot failed");
  if (left.children == Remaining::some) add("a process could not be ended");
  if (left.sessions == Remaining::some) add("ostiary exec was used, and such a session may still be there");
  if (left.earlier == Remaining::some)
    add("an earlier boot in this network did not end in order, and processes that it confined may still be "
        "there");
  if (!senders.empty()) add(senders);
  return "the rules stay (" + why + "): " + (none_is_left(left) ? "" : "end such processes, then ") +
         "nft delete table inet ostiary removes them";
}

}  // namespace ostiary::boot
