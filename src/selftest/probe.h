// selftest/probe.h: the attempts to get out. The keeper prepares them; a confined child makes them.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "doors.h"
#include "forgery.h"
#include "impostor.h"
#include "name_attempt.h"
#include "network_attempt.h"
#include "ostiary/nft/egress_counter.h"
#include "ostiary/selftest/selftest.h"

namespace ostiary::selftest {

class Probe {
 public:
  // Runs in the keeper, before the fork.
  static Result<Probe> prepare(const confine::Identity& agent, const Targets& targets);
  // Prepares only attempts over the network that have these names, and none at the gate itself.
  static Result<Probe> prepare_again(const confine::Identity& agent, const Targets& targets,
                                     std::span<const std::string> names);
  // Runs once, in the confined child. Waits for targets.patience at most. An error means that the
  // probe itself failed. Forged packets go first, while no other attempt is under way.
  Result<std::vector<Attempt>> try_to_get_out();
  // Forks a child, confines it as this identity, and returns the attempts that it makes.
  Result<std::vector<Attempt>> try_in_child(const confine::Identity& identity,
                                            std::chrono::milliseconds time_limit);

  // For each attempt over the network, in the order in which try_to_get_out() returns them first:
  // the address that its packets involve, and the finding if none of them leaves.
  struct Watched {
    nft::Counted address;
    Finding if_none_leaves;
  };
  std::vector<Watched> watched() const;

 private:
  enum class Scope : uint8_t { everything, network };
  Probe(const confine::Identity& agent, const Targets& targets) : targets_(targets), home_(agent.home) {}

  Result<> take(std::vector<AttemptPlan> attempt_plans, const confine::Identity& agent);
  std::vector<Attempt> forge_all() const;

  Targets targets_;
  std::string home_;
  Scope scope_ = Scope::everything;
  std::vector<NetworkAttempt> network_attempts_;
  std::vector<Forgery> forgeries_;
  std::vector<Attempt> left_out_;
  Doors doors_;
  std::vector<Impostor> impostors_;
  std::vector<NameAttempt> name_attempts_;
};

}  // namespace ostiary::selftest
