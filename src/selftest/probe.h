// probe.h: the attempts to get out, in the two steps they take.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "flight.h"
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
  // own.
  Result<std::vector<Attempt>> try_to_get_out();

  // Where each attempt over the network is headed, in the order of try_to_get_out()'s first ones.
  std::vector<inet::IpAddress> destinations() const;

 private:
  enum class Scope : uint8_t { everything, network };
  explicit Probe(const Targets& targets) : targets_(targets) {}

  Result<> take(std::vector<Errand> errands, const confine::Identity& agent);

  Targets targets_;
  Scope scope_ = Scope::everything;
  std::vector<Flight> flights_;
  std::vector<Attempt> left_out_;
};

}  // namespace ostiary::selftest
