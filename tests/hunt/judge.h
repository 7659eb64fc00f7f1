// hunt/judge.h: what a packet on the wire is, and whether it had leave.
// Leave comes from what the upstream answered for allowed names and from the networks that the policy allows,
// never from the gate. Neighbour discovery and the kernel's echo replies have leave too.
#pragma once

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <tuple>

#include "sight.h"
#include "stage.h"

namespace ostiary::hunt {

enum class Scope : uint8_t { container, user };

// At the end the rules may go, and then the kernel's own packets about the link leave.
// After the end, and after a flush, it still answers for connections that are closed.
enum class Phase : uint8_t { hunting, flushed, ending, ended };

// A flow from outside, as the agent's answers to it would look.
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
  Judge(const Stage& stage, Scope scope);

  // Called by the upstream.
  void told(const Address& address);
  // Called by the injector.
  void began(const Flow& flow);

  Verdict judge(const Sight& sight, Phase phase) const;

 private:
  bool is_own(const Address& address) const;
  bool is_told(const Address& address) const;
  bool is_answer(const Sight& sight) const;
  bool has_leave(const Sight& sight) const;
  std::string kind_of(const Sight& sight) const;

  Stage stage_;
  Scope scope_;
  Address resolver4_, resolver6_;
  mutable std::mutex mutex_;
  std::set<Address> told_;
  std::set<Flow> flows_;
};

}  // namespace ostiary::hunt
