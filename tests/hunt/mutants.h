// hunt/mutants.h: all mutants of the ruleset, each with one part weakened or removed.
// They are made from the ruleset's commands, so that a new rule has mutants automatically. A rule
// that the ruleset of list_mutants.cc does not contain has none.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace ostiary::hunt {

struct Mutant {
  std::string key;   // the same in every ruleset that contains this command
  std::string what;  // a description
  size_t command = 0;
  std::optional<nlohmann::json> replacement;  // nothing: the command is removed
};

std::vector<Mutant> mutants(const nlohmann::json& commands);

nlohmann::json apply(const nlohmann::json& commands, const Mutant& mutant);

}  // namespace ostiary::hunt
