// hunt/confinement_mutants.h: all mutants of the agent's confinement, each with one part weakened.
// They are made from the values themselves (the filter's instructions, the lists) and from the
// calls that confine() makes, so that a new part has mutants automatically. Some changes are not
// mutants because they do not weaken anything:
// - a step that only reads (PR_CAPBSET_READ, gettid), or that drops a capability which this machine
//   lacks, is not skipped;
// - a jump's length is only changed to zero: any other length jumps into another part, and the
//   mutants of the jump itself cover what it checks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <linux/filter.h>

namespace ostiary::hunt {

// A description of the change, and the part that it belongs to in the table.
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

// `call` is the call of confine() that this step skips.
Change without_step(const std::string& call);

std::string key_of(const Change& change);

}  // namespace ostiary::hunt
