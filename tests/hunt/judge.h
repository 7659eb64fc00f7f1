// hunt/judge.h: classifies a packet on the wire, and decides whether it is permitted.
// A packet is permitted because of what the upstream answered for allowed names, because of the
// networks that the policy allows, or because it is neighbour discovery or an echo reply of the
// kernel. The judge never asks the gate.
#pragma once

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <tuple>

#include "observation.h"
#include "stage.h"

namespace ostiary::hunt {

enum class Scope : uint8_t { container, user };

// Whether the relay speaks to the collector, over connections that the gate makes. Otherwise the
// collector is an unknown host.
enum class Collector : uint8_t { unknown, relayed };

// While the boot ends, the rules may be removed, and the kernel's own packets about the link leave.
// After the end the kernel still replies for closed connections, and after a flush it resets some.
enum class Phase : uint8_t { hunting, flushed, ending, ended };

// A flow from outside, described by the packets that answer it.
struct Flow {
  uint8_t protocol = 0;
  Address peer{};
  uint16_t peer_port = 0;
  uint16_t own_port = 0;
  auto operator<=>(const Flow&) const = default;
};

struct Verdict {
  enum class Kind : uint8_t { fine, admitted, finding };
  Kind kind = Kind::fine;
  std::string what;  // a finding's class
};

class Judge {
 public:
  Judge(const Stage& stage, Scope scope, Collector collector);

  // Called by the upstream.
  void allow(const Address& address);
  // Called by the injector.
  void add_inbound_flow(const Flow& flow);

  Verdict judge(const Observation& observation, Phase phase);

 private:
  bool is_own(const Address& address) const;
  bool is_allowed(const Address& address) const;
  bool is_answer(const Observation& observation) const;
  bool is_permitted(const Observation& observation) const;
  bool is_collector(const Address& address) const;
  bool is_of_the_relay(const Observation& observation) const;
  void note_connection(const Observation& observation);
  std::string class_of(const Observation& observation) const;

  Stage stage_;
  Scope scope_;
  Collector collector_;
  Address resolver4_, resolver6_, collector4_, collector6_;
  mutable std::mutex mutex_;
  std::set<Address> allowed_;
  std::set<Flow> flows_;
  std::set<Flow> to_collector_;  // read and written by judge() alone
};

}  // namespace ostiary::hunt
