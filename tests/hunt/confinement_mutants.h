// hunt/confinement_mutants.h: the agent's confinement with one thing weakened, as many as there are things.
// Made from the values themselves, the filter's instructions and the lists, and from the calls that
// confine() makes: what is added has its mutants at once.
// Not made, since it would be the same confinement:
// - no step is skipped that only asks (PR_CAPBSET_READ, gettid), or drops a capability that this machine
// lacks;
// - no jump's length is changed, but for none at all: every other length is a jump into another part, and
//   the jump's own mutants stand for what it judges.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <linux/filter.h>

namespace ostiary::hunt {

// What is changed, for people, and for the table the part that it belongs to.
struct Change {
  std::string part;
  std::string what;
};

struct InstructionMutant {
  Change change;
  size_t at = 0;
  sock_filter instruction{};
};
std::vector<InstructionMutant> instruction_mutants(std::span<const sock_filter> filter);

struct CapabilityMutant {
  Change change;
  std::vector<unsigned> kept;
};
std::vector<CapabilityMutant> capability_mutants(std::span<const unsigned> kept);

Change without_expectation(const std::string& what);

// `call` is what confine() does in this step, which is left out.
Change without_step(const std::string& call);

std::string key_of(const Change& change);

}  // namespace ostiary::hunt
