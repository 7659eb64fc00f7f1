// boot/gate_helper.h: the gate as a helper: what it resolves for the plan, and its messages while
// it serves.
// - A gate does nothing before its hello, which names the netlink port of its changes to the rules.
// - While no gate runs, no name resolves and nothing new is admitted. The rules and the admissions
//   stay in the kernel.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "audit_trail.h"
#include "ostiary/base/result.h"
#include "ostiary/base/shared_page.h"
#include "ostiary/event/signals.h"
#include "ostiary/keeper/helper.h"
#include "ostiary/link/gate.h"
#include "ostiary/link/wildcard_count.h"

namespace ostiary::boot {

// The result for each of the plan's names.
struct Resolution {
  // A name that did not open, and why: "did not resolve", "has private addresses only". The latter
  // is `withheld`, and no later answer opens it.
  struct Unopened {
    enum class Kind : uint8_t { unresolved, withheld };
    Kind kind{};
    std::string name;
    std::string why;
  };

  uint32_t resolved = 0;  // the number of names
  std::vector<Unopened> unopened;
  std::vector<inet::IpAddress> admitted;
};

class GateHelper {
 public:
  struct Parts {
    keeper::HelperDescription description = gate::description;
    keeper::HelperMain run;
    keeper::StartModes modes;
    gate::Setup setup;
    const gate::Listeners& listeners;  // must outlive the GateHelper, as the audit
    AuditTrail& audit;
    int relay = -1;  // the gate's end of link::ConnectionPair
    // Called at each hello: the rules may change from this netlink port, and no longer from the
    // last one.
    std::function<void(uint32_t port)> expect_changes_from;
  };
  static Result<std::unique_ptr<GateHelper>> create(Parts parts);

  // Starts the first gate, and lets it resolve the plan's names. A signal among `requests` ends the
  // wait; some names may then not be open.
  Result<Resolution> start(const event::Signals& requests);
  // Later denials are attributed to the agent. Call it before any process of the agent starts.
  Result<> end_self_test();
  // The rules were put back, with empty sets: the gate admits its addresses again.
  void readmit();
  void end() { helper_.end(); }

  pid_t process() const { return helper_.process(); }
  // For the supervisor, which starts the gate again when it has died.
  keeper::Helper& helper() { return helper_; }

 private:
  GateHelper(Parts parts, SharedPage<gate::WildcardCount> wildcard_count);
  keeper::Start prepare_start() const;
  Result<> begin(const gate::Message& hello);
  Result<Resolution> await_plan(const event::Signals& requests);
  Result<> on_message(std::string_view octets);

  Parts parts_;
  SharedPage<gate::WildcardCount> wildcard_count_;  // outlives each gate
  keeper::Helper helper_;
};

}  // namespace ostiary::boot
