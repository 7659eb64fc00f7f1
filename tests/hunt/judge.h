// hunt/judge.h: classifies a packet on the wire, and decides whether it is permitted.
// A packet is permitted because of what the upstream answered for allowed names, because of the
// networks that the policy allows, or because it is neighbour discovery or an echo reply of the
// kernel. The judge never asks the gate.
#pragma once

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "named_flows.h"
#include "observation.h"
#include "stage.h"

namespace ostiary::hunt {

enum class Scope : uint8_t { container, user };

// Whether the relay speaks to the collector, over connections that the gate makes. Otherwise the
// collector is an unknown host.
enum class Collector : uint8_t { unknown, relayed };

// Whether a flow to the shared address may begin if it names the allowed host. Otherwise it is an unknown host.
enum class Names : uint8_t { unknown, checked };

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
  Judge(const Stage& stage, Scope scope, Collector collector, Names names);

  // Called by the upstream.
  void allow(const Address& address);
  // Called by the injector.
  void add_inbound_flow(const Flow& flow);

  Verdict judge(const Observation& observation, Phase phase);
  // A packet that left while there were no rules.
  void excuse(const Observation& observation);
  // A packet to the agent's host.
  void note_answer(const Observation& observation);
  uint64_t named_flows() const { return named_.named(); }

 private:
  bool is_own(const Address& address) const;
  bool is_allowed(const Address& address) const;
  bool is_answer(const Observation& observation) const;
  bool is_permitted(const Observation& observation) const;
  bool is_collector(const Address& address) const;
  bool is_of_the_relay(const Observation& observation) const;
  bool answers_an_excused_flow(const Observation& observation) const;
  bool is_shared(const Address& address) const;
  bool is_in_named_flow(const Observation& observation) const;
  void note_connection(const Observation& observation);
  std::string class_of(const Observation& observation) const;

  Stage stage_;
  Scope scope_;
  Collector collector_;
  Names names_;
  Address resolver4_, resolver6_, collector4_, collector6_, shared4_, shared6_;
  mutable std::mutex mutex_;
  std::set<Address> allowed_;
  std::set<Flow> flows_;
  // Read and written by one thread.
  std::set<Flow> to_collector_;
  std::set<Flow> excused_, answered_;
  NamedFlows named_;
  std::string_view fault_of_name_;  // of the packet that is judged
};

}  // namespace ostiary::hunt
