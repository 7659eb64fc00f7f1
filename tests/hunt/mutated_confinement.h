// hunt/mutated_confinement.h: stands in for the parts of confine() in programs that are linked with --wrap:
// the agent's confinement with one mutant in it.
#pragma once

#include <string>
#include <vector>

namespace ostiary::hunt {

// The steps of each confine() in this process and its children from now on go into `steps`.
void record_steps(std::vector<std::string>& steps);

}  // namespace ostiary::hunt
