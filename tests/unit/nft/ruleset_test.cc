#include "ostiary/nft/ruleset.h"

#include <string>

#include <doctest/doctest.h>

#include "parsed.h"

using namespace ostiary::nft;
using ostiary::inet::IpAddress;
using ostiary::testing::parsed;

namespace {

AddressRule rule(const char* network, uint8_t prefix, uint16_t first, uint16_t last, uint8_t protocol = 6) {
  return {*IpAddress::parse(network), prefix, protocol, first, last};
}

bool permits(const AddressRule& rule, const IpAddress& address, uint16_t port) {
  if (address.family() != rule.network.family() || port < rule.first_port || port > rule.last_port)
    return false;
  for (unsigned bit = 0; bit < rule.prefix_length; ++bit) {
    const uint8_t mask = static_cast<uint8_t>(0x80U >> bit % 8);
    if ((address.octets()[bit / 8] & mask) != (rule.network.octets()[bit / 8] & mask)) return false;
  }
  return true;
}

}  // namespace

TEST_SUITE("nft/ruleset") {
  TEST_CASE("overlapping rules become disjoint rules that permit the same") {
    const std::vector<AddressRule> rules{
        rule("10.1.2.3", 24, 400, 500),    rule("10.0.0.0", 8, 443, 443),    rule("10.1.2.9", 32, 80, 443),
        rule("10.1.2.0", 24, 450, 600),    rule("10.1.2.0", 24, 443, 443),   rule("0.0.0.0", 0, 22, 22),
        rule("2001:db8::1", 64, 1, 65535), rule("2001:db8::", 128, 443, 443)};
    const auto disjoint = without_overlaps(rules);
    for (const char* text :
         {"10.1.2.3", "10.1.2.9", "10.9.9.9", "11.0.0.1", "2001:db8::", "2001:db8:0:1::"}) {
      const IpAddress address = *IpAddress::parse(text);
      for (uint16_t port = 1; port <= 700; ++port) {
        const auto matches = [&](const AddressRule& each) { return permits(each, address, port); };
        CAPTURE(text);
        CAPTURE(port);
        CHECK(std::ranges::count_if(disjoint, matches) == (std::ranges::any_of(rules, matches) ? 1 : 0));
      }
    }
  }

  TEST_CASE("the same rules in another order give the same commands") {
    Ruleset one{.gate_mark = 1, .gate_port = 5353, .log_group = 1};
    one.addresses = {rule("10.1.2.0", 24, 5432, 5432), rule("10.0.0.0", 8, 443, 443), rule("::", 0, 1, 2)};
    Ruleset other = one;
    std::ranges::reverse(other.addresses);
    CHECK(parsed(commands(one)) == parsed(commands(other)));
  }

  TEST_CASE("every chain for outgoing packets denies packets that no rule accepts") {
    const auto out = parsed(commands({.gate_mark = 1, .gate_port = 5353, .log_group = 1}));
    int dropping = 0;
    for (const auto& command : out) {
      const auto& object = command.at("add");
      CHECK((object.begin().key() == "element" || object.begin()->at("table") == "ostiary"));
      if (object.contains("chain") && object["chain"].value("policy", "") == "drop") ++dropping;
    }
    CHECK(dropping == 2);
  }

  TEST_CASE("in user scope no chain has the policy drop, and none filters forwarded packets") {
    const auto out = parsed(commands({.gate_mark = 1, .gate_port = 5353, .log_group = 1, .only_user = 1000}));
    for (const auto& command : out) {
      const auto& object = command.at("add");
      if (!object.contains("chain")) continue;
      CHECK(object["chain"].value("policy", "accept") == "accept");
      CHECK(object["chain"].value("hook", "") != "forward");
    }
  }
}
