// Prints the mutants of the ruleset that a hunt's boot has, as lines of JSON.
//   hunt_mutants container|user
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <netinet/in.h>
#include <nlohmann/json.hpp>

#include "mutants.h"
#include "ostiary/nft/ruleset.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: container|user\n", stderr);
    return EXIT_FAILURE;
  }
  // As boot/gate_ward.cc has them.
  ostiary::nft::Ruleset ruleset{
      .gate_mark = 0x6f737469, .gate_port = 15353, .log_group = 5353, .agent_user = 1000};
  // As tests/system/hunt/round.py has them.
  const auto allow = [&](const char* network, uint8_t length) {
    const auto address = ostiary::inet::IpAddress::parse(network);
    if (address) ruleset.addresses.push_back({*address, length, IPPROTO_TCP, 443, 443});
  };
  allow("192.0.2.8", 30);
  allow("2001:db8:98::", 64);
  if (std::strcmp(argv[1], "user") == 0) ruleset.only_user = 1000;
  for (const auto& mutant : ostiary::hunt::mutants(ostiary::nft::commands(ruleset)))
    std::printf("%s\n", nlohmann::json{{"key", mutant.key}, {"what", mutant.what}}.dump().c_str());
  return EXIT_SUCCESS;
}
