// probe.h: the attempts to get out, in the two steps they take.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "doors.h"
#include "forgery.h"
#include "impostor.h"
#include "network_attempt.h"
#include "ostiary/nft/egress_counter.h"
#include "ostiary/selftest/selftest.h"

namespace ostiary::selftest {

class Probe {
 public:
  // By the keeper, before it forks.
  static Result<Probe> prepare(const confine::Identity& agent, const Targets& targets);
  // Of the attempts over the network, but those at the gate itself, the ones with these names and nothing
  // else.
  static Result<Probe> prepare_again(const confine::Identity& agent, const Targets& targets,
                                     std::span<const std::string> names);
  // By the confined child, once; ends after targets.patience at the latest. An error is one of the probe's
  // own. Forged packets go first, while nothing else is under way.
  Result<std::vector<Attempt>> try_to_get_out();

  // Of each attempt over the network, in the order of try_to_get_out()'s first ones: the address that its
  // packets have to do with, and what it has come to if none of them leaves.
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
  std::vector<NetworkAttempt> flights_;
  std::vector<Forgery> forgeries_;
  std::vector<Attempt> left_out_;
  Doors doors_;
  std::vector<Impostor> impostors_;
};

}  // namespace ostiary::selftest
