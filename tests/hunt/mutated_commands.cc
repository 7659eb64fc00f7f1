// Replaces nft::commands() in programs that are linked with --wrap: the ruleset with one mutant in
// it.
#include <string>

#include "mutant_key.h"
#include "mutants.h"
#include "ostiary/nft/ruleset.h"

ostiary::Json real_commands(const ostiary::nft::Ruleset& ruleset) asm(
    "__real__ZN7ostiary3nft8commandsERKNS0_7RulesetE");
ostiary::Json mutated_commands(const ostiary::nft::Ruleset& ruleset) asm(
    "__wrap__ZN7ostiary3nft8commandsERKNS0_7RulesetE");

ostiary::Json mutated_commands(const ostiary::nft::Ruleset& ruleset) {
  static const std::string key = ostiary::hunt::key_of_this_program();
  ostiary::Json real = real_commands(ruleset);
  const auto commands = nlohmann::json::parse(real.compact());
  for (const auto& mutant : ostiary::hunt::mutants(commands))
    if (mutant.key == key) return ostiary::Json::parse(ostiary::hunt::apply(commands, mutant).dump()).value();
  return real;
}
