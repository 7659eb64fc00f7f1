#include "selftest/attempt_plans.h"

#include <vector>

#include <doctest/doctest.h>
#include <netinet/in.h>

using namespace ostiary;
using namespace ostiary::selftest;
using inet::Family;
using inet::IpAddress;

namespace {

nft::AddressRule rule(const char* network, uint8_t length, uint16_t first = 1, uint16_t last = 65535,
                      uint8_t protocol = IPPROTO_TCP) {
  return {*IpAddress::parse(network), length, protocol, first, last};
}

}  // namespace

TEST_SUITE("selftest/attempt_plans") {
  TEST_CASE("the addresses that are tried are never permitted by the policy") {
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      std::vector<nft::AddressRule> permitted;
      std::vector<AddressPort> seen;
      while (const auto place = find_unlisted(family, IPPROTO_TCP, permitted)) {
        CHECK_FALSE(permits(permitted, *place, IPPROTO_TCP));
        permitted.push_back(
            rule(place->address.text().c_str(), family == Family::ipv4 ? 32 : 128, place->port, place->port));
        CHECK(permits(permitted, *place, IPPROTO_TCP));
        seen.push_back(*place);
        REQUIRE(seen.size() < 100);
      }
      CHECK(seen.size() == 6);
      CHECK(find_unlisted(family, IPPROTO_UDP, permitted) == seen.front());
    }
  }

  TEST_CASE("a policy that permits the whole internet at one port leaves another to try") {
    const std::vector<nft::AddressRule> https{rule("0.0.0.0", 0, 443, 443), rule("::", 0, 443, 443)};
    CHECK(find_unlisted(Family::ipv4, IPPROTO_TCP, https)->port == 9);
    CHECK(find_unlisted(Family::ipv6, IPPROTO_TCP, https)->port == 9);
    CHECK_FALSE(find_unlisted(Family::ipv4, IPPROTO_TCP, std::vector{rule("0.0.0.0", 0)}));
  }

  TEST_CASE("bits after a network's prefix do not count") {
    const auto permitted = [](const char* network, uint8_t length, const char* address) {
      return permits(std::vector{rule(network, length)}, {*IpAddress::parse(address), 80}, IPPROTO_TCP);
    };
    CHECK(permitted("10.1.2.255", 23, "10.1.3.1"));
    CHECK_FALSE(permitted("10.1.2.0", 23, "10.1.4.1"));
    CHECK(permitted("fd00:ec2::", 32, "fd00:ec2::254"));
    CHECK_FALSE(permitted("fd00:ec3::", 32, "fd00:ec2::254"));
    CHECK_FALSE(permitted("::", 0, "10.1.2.3"));
  }
}
