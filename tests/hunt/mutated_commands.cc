// Replaces nft::commands() in programs that are linked with --wrap: the ruleset with one mutant in
// it.
#include <string>

#include <nlohmann/json.hpp>

#include "mutant_key.h"
#include "mutants.h"
#include "ostiary/nft/ruleset.h"

nlohmann::json real_commands(const ostiary::nft::Ruleset& ruleset) asm(
    "__real__ZN7ostiary3nft8commandsB5cxx11ERKNS0_7RulesetE");
nlohmann::json mutated_commands(const ostiary::nft::Ruleset& ruleset) asm(
    "__wrap__ZN7ostiary3nft8commandsB5cxx11ERKNS0_7RulesetE");

nlohmann::json mutated_commands(const ostiary::nft::Ruleset& ruleset) {
  static const std::string key = ostiary::hunt::key_of_this_program();
  const nlohmann::json commands = real_commands(ruleset);
  for (const auto& mutant : ostiary::hunt::mutants(commands))
    if (mutant.key == key) return ostiary::hunt::apply(commands, mutant);
  return commands;
}
