// boot/gate_supervisor.h: runs the gate for the keeper: its start, its restarts and its end.
// - Denies all traffic in one transaction. No listener is open and no process runs before that.
// - A gate that dies is started again. Meanwhile no name resolves and nothing new is admitted; the rules and
//   the admissions stay in the kernel. One that keeps dying ends the agent.
// - If another process changes the rules, they are restored. If that fails or keeps happening, the agent is
//   ended.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ostiary/audit/journal.h"
#include "ostiary/base/result.h"
#include "ostiary/base/shared_page.h"
#include "ostiary/event/signals.h"
#include "ostiary/gate/launch.h"
#include "ostiary/gate/wildcard_budget.h"
#include "ostiary/keeper/helper.h"
#include "ostiary/keeper/supervisor.h"
#include "ostiary/net/resolver_file.h"
#include "ostiary/plan/gate_plan.h"
#include "ostiary/plan/plan.h"
#include "ostiary/selftest/selftest.h"
#include "rules_after.h"
#include "rules_guard.h"

namespace ostiary::boot {

class GateSupervisor {
 public:
  // Phase 1: denies everything, starts the gate and lets it resolve the plan's names. On an error everything
  // stays denied: the end of the boot decides whether the rules are removed.
  // A signal among `requests` stops the wait for the names; some of them may then not be open.
  // `earlier`: whether processes that an earlier boot confined may be here. Then the rules stay in any case.
  static Result<std::unique_ptr<GateSupervisor>> open(const plan::Plan& plan, audit::Journal& journal,
                                                      const event::Signals& requests, Remaining earlier);

  // The plan's names that did not open, and why: "did not resolve", "has private addresses only". These are
  // `withheld`, and no later answer opens them.
  struct Unresolved {
    enum class Kind : uint8_t { unresolved, withheld };
    Kind kind{};
    std::string name;
    std::string why;
  };
  const std::vector<Unresolved>& unresolved() const { return unresolved_; }
  uint32_t resolved() const { return resolved_; }
  size_t admitted() const { return admitted_.size(); }
  // Whether a route of either family leads out of this network.
  gate::Reachability network() const;

  // Later denials are attributed to the agent. Call it before any process of the agent starts.
  Result<> end_self_test();
  nft::Tracking tracking() const { return rules_.ruleset().tracking; }

  // What the self-test is to try.
  selftest::Targets targets() const;

  // Ends the gate and puts resolv.conf back. The rules stay.
  void close();

  // From here on the supervisor restarts the gate, and watches the rules.
  void serve_with(keeper::Supervisor& supervisor);

 private:
  GateSupervisor(const plan::Plan& plan, audit::Journal& journal, net::ResolverFile resolver,
                 plan::GatePlan gate, RulesGuard rules);
  Result<> probe_connection_tracking();
  Result<> listen_directly();
  Result<> start(const event::Signals& requests);
  void point_resolver_at_gate();
  keeper::HelperOwner own_gate();
  keeper::HelperEvents gate_events();
  keeper::Start prepare_start() const;
  Result<> begin_first();
  Result<> begin(const gate::Message& hello);
  Result<> await_plan(const event::Signals& requests);
  Result<> on_message(std::string_view octets);
  void on_death(pid_t process, int wait_status);
  void on_begun(pid_t process, size_t deaths);
  void begin_new_audit_file();
  Result<> guard_rules();
  Result<> report(const RulesGuard::Repair& repair);
  void tell(const audit::Event& event);

  const plan::Plan& plan_;
  audit::Journal& journal_;
  net::ResolverFile resolver_;
  gate::Setup setup_;
  std::vector<selftest::AddressPort> local_upstreams_;
  RulesGuard rules_;
  std::optional<gate::Listeners> listeners_;
  std::optional<SharedPage<gate::WildcardCount>> wildcard_count_;  // outlives each gate
  keeper::Helper gate_;
  std::vector<Unresolved> unresolved_;
  std::vector<inet::IpAddress> admitted_;  // in phase 1
  uint32_t resolved_ = 0;
};

}  // namespace ostiary::boot
