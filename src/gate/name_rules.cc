#include "name_rules.h"

#include <algorithm>

#include "ostiary/inet/special.h"
#include "ostiary/link/self_test_name.h"
#include "why.h"

namespace ostiary::gate {
namespace {

bool is_for_self_test(const inet::Connection& connection) {
  return connection.remote_port == link::self_test_port &&
         connection.remote == inet::IpAddress::loopback(connection.remote.family());
}

}  // namespace

std::string_view NameRules::objection(const inet::Connection& connection, std::string_view name,
                                      policy::OpenedBy given) const {
  if (is_for_self_test(connection)) return name == link::self_test_name ? std::string_view() : why::no_rule;
  const uint16_t port = connection.remote_port;
  const auto reach = inet::classify(connection.remote);
  const policy::Decision decision = policy_->decide(name);
  const bool is_opened = std::ranges::any_of(decision.grants, [&](const policy::Grant& grant) {
    return grant.transport == policy::Transport::tcp && grant.ports.contains(port) &&
           policy::is_opened_by(grant.opened_by, given) && policy::covers(grant, reach);
  });
  if (!is_opened) return why::no_rule;
  return ledger_->may_have(connection.remote, name) ? std::string_view() : why::not_admitted;
}

bool NameRules::admits_any_flow(const inet::Connection& connection, Ledger::Time now) const {
  return ledger_->admits_any_flow(connection.remote, connection.remote_port, now);
}

bool NameRules::asks_for_requests(const inet::Connection& connection) const {
  return policy_->asks_for_requests(connection.remote_port);
}

}  // namespace ostiary::gate
