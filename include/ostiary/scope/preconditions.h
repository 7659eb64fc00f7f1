// scope/preconditions.h: refuses a boot whose rules would hold other processes than the agent's, or
// would not hold the agent's.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/confine/identity.h"
#include "ostiary/net/network_namespace.h"
#include "ostiary/scope/scope.h"

namespace ostiary::scope {

// The network, and the user to confine.
struct Ground {
  net::NamespaceKind network = net::NamespaceKind::machine;
  config::Choice in_place = config::Choice::no;
  const confine::Identity& agent;
};

Result<> check_preconditions(const Scope& scope, const Ground& ground);

// The part about standard input, output and error alone.
Result<> check_inherited_sockets(Inheritable inheritable);

}  // namespace ostiary::scope
