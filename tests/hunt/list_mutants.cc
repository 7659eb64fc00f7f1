// Prints the mutants of the ruleset of a hunt's boot as lines of JSON.
//   hunt_mutants container|user
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <nlohmann/json.hpp>

#include "mutants.h"
#include "nft/rules/every_rule.h"
#include "ostiary/nft/ruleset.h"
#include "parsed.h"

namespace rules = ostiary::test::rules;
using ostiary::testing::parsed;

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: container|user\n", stderr);
    return EXIT_FAILURE;
  }
  const ostiary::nft::Ruleset ruleset =
      std::strcmp(argv[1], "user") == 0 ? rules::user_rules() : rules::container_rules();
  for (const auto& mutant : ostiary::hunt::mutants(parsed(ostiary::nft::commands(ruleset))))
    std::printf("%s\n", nlohmann::json{{"key", mutant.key}, {"what", mutant.what}}.dump().c_str());
  return EXIT_SUCCESS;
}
