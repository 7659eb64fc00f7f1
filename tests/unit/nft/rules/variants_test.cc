// Rules that a kernel, a resolver or a setting calls for: what differs from the ruleset of the other tests.
#include <doctest/doctest.h>

#include "nft/rules/held_host.h"
#include "ostiary/nft/table.h"

using namespace ostiary;
using namespace ostiary::test;
using namespace ostiary::test::rules;

namespace {

constexpr uint16_t dns = 53;

}  // namespace

TEST_SUITE("nft/rules/container/variants") {
  TEST_CASE("where IPv6 is not tracked, its questions are denied, and the gate is asked at its own port") {
    if (!can_make_hosts_as_real_root()) return;
    nft::Ruleset rules = container_rules();
    rules.tracking = nft::Tracking::ipv4_only;
    HeldHost host(rules);
    host.runs(
        "nft 'table ip6 untracked { chain c { type filter hook output priority raw\n notrack\n } \n"
        "chain d { type filter hook prerouting priority raw\n notrack\n } \n }'");
    CHECK(host.sends(agent, udp({places4.own, 1}, {places4.stranger, dns})) == "to the gate");
    CHECK(host.sends(agent, udp({places6.own, 1}, {places6.stranger, dns})) == "denied");
    CHECK(host.sends(agent, udp({places6.own, 1}, {places6.loopback, the_gates_port})) == "stays");
    CHECK(host.sends(agent, tcp({places6.own, 1}, {places6.allowed, 443})) == "leaves");
    CHECK(host.sends(the_gate, udp({places6.own, 2}, {places6.stranger, dns})) == "leaves");
  }

  TEST_CASE("a kernel without zones redirects questions all the same") {
    if (!can_make_hosts_as_real_root()) return;
    nft::Ruleset rules = container_rules();
    rules.zones = nft::Zones::unsupported;
    HeldHost host(rules);
    for (const Places& at : both_families) {
      CHECK(host.sends(agent, udp({at.own, 3}, {at.stranger, dns})) == "to the gate");
      CHECK(host.sends(agent, udp({at.loopback, 3}, {at.loopback, dns})) == "stays");
    }
  }

  TEST_CASE("until the gate has port 53 itself, questions to it are redirected as well") {
    if (!can_make_hosts_as_real_root()) return;
    nft::Ruleset rules = container_rules();
    rules.direct_dns = {};
    HeldHost host(rules);
    for (const Places& at : both_families)
      CHECK(host.sends(agent, udp({at.loopback, 4}, {at.loopback, dns})) == "to the gate");
    host.opens_direct_dns(container_rules());
    for (const Places& at : both_families)
      CHECK(host.sends(agent, udp({at.loopback, 5}, {at.loopback, dns})) == "stays");
  }

  TEST_CASE("a resolver of this host's is closed in its family alone") {
    if (!can_make_hosts_as_real_root()) return;
    for (const Places& at : both_families) {
      nft::Ruleset rules = container_rules();
      rules.closed_resolvers = {*inet::IpAddress::parse(at.other_loopback)};
      HeldHost host(rules);
      for (const Places& each : both_families) {
        const bool is_closed = std::string(each.own) == at.own;
        CHECK((host.sends(agent, tcp({each.own, 6}, {each.other_loopback, 8080})) == "denied") == is_closed);
        CHECK((host.sends(agent, tcp({each.other_loopback, 6}, {each.own, 8080})) == "denied") == is_closed);
        CHECK(host.sends(agent, tcp({each.own, 7}, {each.loopback, 8080})) == "stays");
      }
    }
  }

  TEST_CASE("beside a root agent Docker's resolver, which may be root, answers all the same") {
    if (!can_make_hosts_as_real_root()) return;
    nft::Ruleset rules = container_rules();
    rules.agent_user = 0;
    HeldHost host(rules);
    host.runs(
        "nft 'table ip docker { chain c { type nat hook output priority -100\n"
        "ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:41953\n } \n }'");
    CHECK(host.sends(the_gate, udp({places4.loopback, 8}, {"127.0.0.11", dns})).starts_with("stays: "));
    CHECK(host.sends(root, udp({"127.0.0.11", 41953}, {places4.loopback, 8})) ==
          "stays: " + text(udp({"127.0.0.11", dns}, {places4.loopback, 8})));
  }

  TEST_CASE("a service may be open to a whole family, and on a range of ports") {
    if (!can_make_hosts_as_real_root()) return;
    nft::Ruleset rules = container_rules();
    rules.inbound = {{*inet::IpAddress::parse("0.0.0.0"), 0, IPPROTO_TCP, 8000, 8010},
                     {*inet::IpAddress::parse("::"), 0, IPPROTO_UDP, 9000, 9000}};
    HeldHost host(rules);
    CHECK(host.gets(tcp({places4.stranger, 9}, {places4.own, 8010})) == "accepted");
    CHECK(host.gets(tcp({places4.stranger, 9}, {places4.own, 8011})) == "inbound");
    CHECK(host.gets(tcp({places6.stranger, 9}, {places6.own, 8010})) == "inbound");
    CHECK(host.gets(udp({places6.stranger, 9}, {places6.own, 9000})) == "accepted");
    CHECK(host.gets(udp({places4.stranger, 9}, {places4.own, 9000})) == "inbound");
  }
}
