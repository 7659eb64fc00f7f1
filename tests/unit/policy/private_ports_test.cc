// `private` belongs to the ports of a rule.
#include <bitset>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ostiary/policy/parse.h"
#include "ostiary/policy/policy.h"
#include "variables.h"

using namespace ostiary::policy;
using ostiary::inet::AddressClass;
using ostiary::inet::IpAddress;

namespace {

Rule rule_of(std::string_view entry, Answers answers) {
  Rule rule = parse_entry(entry, "test", variables())->front();
  rule.answers = answers;
  return rule;
}

// The ports of a name that are open at an address of this class, such as "80 4318".
std::string ports_at(const Policy& policy, std::string_view name, AddressClass reach) {
  ostiary::inet::PortSet ports;
  for (const Grant& grant : policy.decide(name).grants)
    if (covers(grant, reach)) ports.add(grant.ports);
  return ports.text();
}

bool holds(const Policy& policy, const char* address) {
  for (const StaticGrant& each : policy.static_grants())
    if (each.prefix.contains(*IpAddress::parse(address))) return true;
  return false;
}

Policy policy_of(std::string_view list) {
  return Policy::compile(parse_list(list, "test", variables()).value());
}

}  // namespace

TEST_SUITE("policy/private_ports") {
  TEST_CASE("private addresses have the ports of rules with private, public ones have all ports") {
    const Policy policy =
        Policy::compile(std::vector{rule_of("c.corp.example:4318", Answers::private_too),
                                    rule_of("*.corp.example:80,443", Answers::public_only)});
    CHECK(ports_at(policy, "c.corp.example", AddressClass::private_network) == "4318");
    CHECK(ports_at(policy, "c.corp.example", AddressClass::public_internet) == "80,443,4318");
    CHECK(ports_at(policy, "d.corp.example", AddressClass::private_network).empty());
    CHECK(ports_at(policy, "d.corp.example", AddressClass::public_internet) == "80,443");
  }

  TEST_CASE("no name resolves to a metadata service") {
    const Policy policy = Policy::compile(std::vector{rule_of("m.example:80/both", Answers::private_too)});
    CHECK(ports_at(policy, "m.example", AddressClass::metadata).empty());
    CHECK(ports_at(policy, "m.example", AddressClass::link_local) == "80");
  }

  TEST_CASE("grants contain each port once, with any overlap of rules") {
    for (unsigned bits = 0; bits < 4096; ++bits) {
      std::vector<Rule> rules;
      std::bitset<16> all;
      std::bitset<16> inner;
      for (unsigned port = 1; port <= 6; ++port) {
        const unsigned two = bits >> (2 * (port - 1)) & 3U;
        const auto answers = (two & 2U) != 0 ? Answers::private_too : Answers::public_only;
        if (two == 0) continue;
        rules.push_back(rule_of("a.b.example:" + std::to_string(port), answers));
        all.set(port);
        inner.set(port, answers == Answers::private_too);
        if (two == 3U) rules.push_back(rule_of("*.b.example:" + std::to_string(port), Answers::public_only));
      }
      const Policy policy = Policy::compile(rules);
      std::bitset<16> seen;
      for (const Grant& grant : policy.decide("a.b.example").grants)
        for (unsigned port = grant.ports.first; port <= grant.ports.last; ++port) {
          CHECK_FALSE(seen.test(port));
          seen.set(port);
          CHECK(inner.test(port) == (grant.answers == Answers::private_too));
        }
      CHECK((seen == all));
    }
  }

  TEST_CASE("port 65535 may be private") {
    const Policy policy = Policy::compile(std::vector{rule_of("a.example:65000-65535", Answers::public_only),
                                                      rule_of("a.example:65535", Answers::private_too)});
    CHECK(ports_at(policy, "a.example", AddressClass::private_network) == "65535");
    CHECK(ports_at(policy, "a.example", AddressClass::public_internet) == "65000-65535");
  }

  TEST_CASE("a network contains everything except the metadata services inside it") {
    const Policy policy =
        policy_of("169.254.0.0/16:80,100.64.0.0/10:80,[fd00:ec2::/32]:80,[64:ff9b::/96]:80,128.0.0.0/1");
    for (const char* address :
         {"169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "fd00:ec2::254",
          "fd00:ec2::23", "64:ff9b::a9fe:a9fe", "192.0.0.192", "169.254.0.23", "100.96.0.96"})
      CHECK_MESSAGE(!holds(policy, address), address);
    for (const char* address :
         {"169.254.169.255", "169.254.0.0", "169.254.255.255", "168.63.129.17", "100.100.100.199",
          "fd00:ec2::255", "64:ff9b::a9fe:a9ff", "255.255.255.255", "128.0.0.0"})
      CHECK_MESSAGE(holds(policy, address), address);
    CHECK(policy.static_grants().size() < 500);
  }

  TEST_CASE("a rule for the address itself allows a metadata service, with or without a network") {
    CHECK(holds(policy_of("169.254.169.254:80"), "169.254.169.254"));
    CHECK(holds(policy_of("169.254.0.0/16:80,169.254.169.254:80"), "169.254.169.254"));
    CHECK(holds(policy_of("169.254.169.254/32:80"), "169.254.169.254"));
    CHECK(holds(policy_of("[fd00:ec2::254]:80"), "fd00:ec2::254"));
    CHECK_FALSE(holds(policy_of("169.254.169.254/31:80"), "169.254.169.254"));
  }
}
