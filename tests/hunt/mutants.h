// hunt/mutants.h: the ruleset with one thing weakened or taken away, as many as there are things.
// Made from the ruleset's own commands, so that a rule that is added has its mutants at once. A rule that the
// ruleset of list_mutants.cc does not make has none.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace ostiary::hunt {

struct Mutant {
  std::string key;   // the same in every ruleset that has this very command
  std::string what;  // for people
  size_t command = 0;
  std::optional<nlohmann::json> replacement;  // nothing: the command is left out
};

std::vector<Mutant> mutants(const nlohmann::json& commands);

nlohmann::json apply(const nlohmann::json& commands, const Mutant& mutant);

}  // namespace ostiary::hunt
