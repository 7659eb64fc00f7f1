// Stands in for nft::commands() in programs that are linked with --wrap: the ruleset with one mutant in it.
// Which one stands behind the program's own octets, where scripts/hunt writes it: "\nMUTANT " and its key.
// The shipped program has none of this.
#include <cstdlib>
#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include "mutants.h"
#include "ostiary/nft/ruleset.h"

namespace {

constexpr std::string_view before_key = "\nMUTANT ";
constexpr size_t key_size = 16;

std::string key_of_this_program() {
  std::ifstream program("/proc/self/exe", std::ios::binary);
  constexpr auto size = static_cast<std::streamoff>(before_key.size() + key_size);
  program.seekg(-size, std::ios::end);
  std::string tail(static_cast<size_t>(size), '\0');
  program.read(tail.data(), size);
  return tail.starts_with(before_key) ? tail.substr(before_key.size()) : std::string();
}

}  // namespace

nlohmann::json real_commands(const ostiary::nft::Ruleset& ruleset) asm(
    "__real__ZN7ostiary3nft8commandsB5cxx11ERKNS0_7RulesetE");
nlohmann::json mutated_commands(const ostiary::nft::Ruleset& ruleset) asm(
    "__wrap__ZN7ostiary3nft8commandsB5cxx11ERKNS0_7RulesetE");

nlohmann::json mutated_commands(const ostiary::nft::Ruleset& ruleset) {
  static const std::string key = key_of_this_program();
  const nlohmann::json commands = real_commands(ruleset);
  for (const auto& mutant : ostiary::hunt::mutants(commands))
    if (mutant.key == key) return ostiary::hunt::apply(commands, mutant);
  return commands;
}
