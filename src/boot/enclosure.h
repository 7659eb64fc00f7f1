// boot/enclosure.h: what holds the agent, and stays while helpers come and go: the rules, the
// sockets to which the rules redirect questions, and resolv.conf.
// - All traffic is denied in one transaction. No listener is open and no process runs before that.
// - If another process changes the rules, they are put back, and that is reported. If it fails or
//   keeps happening, the agent is ended.
#pragma once

#include <array>
#include <functional>
#include <vector>

#include "audit_trail.h"
#include "ostiary/base/result.h"
#include "ostiary/confine/identity.h"
#include "ostiary/link/gate.h"
#include "ostiary/net/resolver_file.h"
#include "ostiary/net/routes.h"
#include "ostiary/scope/scope.h"
#include "rules_guard.h"

namespace ostiary::boot {

// The network as it was before the rules.
struct Unenclosed {
  net::ResolverFile resolver;
  net::RouteWatch routes;  // notices what changes from now on
  std::vector<inet::RoutedNetwork> networks;

  // Brings loopback up first.
  static Result<Unenclosed> read();
};

class Enclosure {
 public:
  struct Parts {
    nft::Ruleset ruleset;  // the plan's
    Unenclosed network;
    nft::Lifetime lifetime;
    const scope::Scope& scope;
    const confine::Identity& agent;
  };
  // On an error everything that was denied stays denied: the end of the boot decides whether the
  // rules are removed. The audit must outlive the Enclosure.
  static Result<Enclosure> build(Parts parts, AuditTrail& audit);

  const nft::Ruleset& ruleset() const { return rules_.ruleset(); }
  // How the kernel holds flows until the gate knows their name. Empty if no rule asks for a name.
  std::optional<nft::QueueForm> queue_form() const { return rules_.queue_form(); }
  const gate::Listeners& listeners() const { return listeners_; }
  // Of the latest gate.
  void expect_changes_from(uint32_t netlink_port) { rules_.expect_from(netlink_port); }

  // So the agent asks the gate itself. If the file cannot be written, the redirect brings the
  // agent's questions to the gate.
  void point_resolver_at_gate();
  // Puts resolv.conf back. The rules stay.
  void put_resolver_back();

  // One of them is readable when look() has work.
  std::array<int, 2> descriptors() const { return rules_.descriptors(); }
  // Puts the rules back if another process has changed them, and calls `readmit`, because the sets
  // are empty then. An error ends the agent.
  Result<> look(const std::function<void()>& readmit);
  // Whether a session of `ostiary exec` ever joined. To be asked once no further session can join.
  Result<bool> were_joined() { return rules_.were_joined(); }

 private:
  Enclosure(net::ResolverFile resolver, RulesGuard rules, AuditTrail& audit)
      : resolver_(std::move(resolver)), rules_(std::move(rules)), audit_(audit) {}
  Result<> listen(const scope::Scope& scope, const confine::Identity& agent);
  Result<> probe_connection_tracking(const scope::Scope& scope, const confine::Identity& agent);
  Result<> listen_directly();

  net::ResolverFile resolver_;
  RulesGuard rules_;
  gate::Listeners listeners_;
  AuditTrail& audit_;
};

// Reports what another process did to the rules. Returns the outcome of the repair.
Result<> report(const RulesGuard::Repair& repair, AuditTrail& audit);

}  // namespace ostiary::boot
