// Prints the mutants of the ruleset that a hunt's boot has, as lines of JSON.
//   hunt_mutants container|user
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <netinet/in.h>
#include <nlohmann/json.hpp>

#include "mutants.h"
#include "ostiary/nft/ruleset.h"

namespace {

using ostiary::inet::IpAddress;
using ostiary::nft::AddressRule;

AddressRule https_of(const IpAddress& network, uint8_t prefix_length, uint8_t protocol) {
  return {.network = network,
          .prefix_length = prefix_length,
          .protocol = protocol,
          .first_port = 443,
          .last_port = 443};
}

// As ALLOW and INBOUND of tests/system/hunt/round.py have them.
void add_networks(ostiary::nft::Ruleset& ruleset) {
  const IpAddress allowed6 = IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0, 0x98});
  ruleset.addresses = {https_of(IpAddress::v4({192, 0, 2, 8}), 30, IPPROTO_TCP),
                       https_of(allowed6, 64, IPPROTO_TCP)};
  const IpAddress inbound6 = IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0x02, 0x40});
  for (const uint8_t protocol : {uint8_t{IPPROTO_TCP}, uint8_t{IPPROTO_UDP}}) {
    ruleset.inbound.push_back(https_of(IpAddress::v4({192, 0, 2, 240}), 30, protocol));
    ruleset.inbound.push_back(https_of(inbound6, 64, protocol));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: container|user\n", stderr);
    return EXIT_FAILURE;
  }
  // As boot/gate_ward.cc has them.
  ostiary::nft::Ruleset ruleset{
      .gate_mark = 0x6f737469, .gate_port = 15353, .log_group = 5353, .agent_user = 1000};
  add_networks(ruleset);
  if (std::strcmp(argv[1], "user") == 0)
    ruleset.only_user = 1000;
  else
    ruleset.direct_dns = {IpAddress::loopback(ostiary::inet::Family::ipv4),
                          IpAddress::loopback(ostiary::inet::Family::ipv6)};
  for (const auto& mutant : ostiary::hunt::mutants(ostiary::nft::commands(ruleset)))
    std::printf("%s\n", nlohmann::json{{"key", mutant.key}, {"what", mutant.what}}.dump().c_str());
  return EXIT_SUCCESS;
}
