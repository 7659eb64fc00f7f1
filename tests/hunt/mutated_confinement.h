// hunt/mutated_confinement.h: replaces parts of confine() in programs that are linked with --wrap:
// the agent's confinement with one mutant in it.
#pragma once

#include <string>
#include <vector>

namespace ostiary::hunt {

// Appends the steps of each later confine() in this process and its children to `steps`.
void record_steps(std::vector<std::string>& steps);

}  // namespace ostiary::hunt
