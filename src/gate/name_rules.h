// gate/name_rules.h: which names a flow may have: those that the policy allows at its port, and for which its address was
// admitted.
#pragma once

#include <string_view>

#include "ledger.h"
#include "ostiary/inet/connection.h"
#include "ostiary/policy/policy.h"

namespace ostiary::gate {

class NameRules {
 public:
  // Both must outlive the NameRules.
  NameRules(const policy::Policy& policy, const Ledger& ledger) : policy_(&policy), ledger_(&ledger) {}

  // Why the flow may not have a name that it gives in that way. Empty: it may.
  std::string_view objection(const inet::Connection& connection, std::string_view name,
                             policy::OpenedBy given) const;
  // Whether a rule that asks for no name opened the address.
  bool admits_any_flow(const inet::Connection& connection, Ledger::Time now) const;
  // Whether some rule asks for the name in HTTP requests at that port.
  bool asks_for_requests(const inet::Connection& connection) const;

 private:
  const policy::Policy* policy_;
  const Ledger* ledger_;
};

}  // namespace ostiary::gate
