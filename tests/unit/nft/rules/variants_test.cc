// Rules that depend on the kernel, a resolver or a setting: the differences from the ruleset of the
// other tests.
#include <doctest/doctest.h>

#include "nft/rules/filtered_host.h"
#include "ostiary/nft/table.h"

using namespace ostiary;
using namespace ostiary::test;
using namespace ostiary::test::rules;

namespace {

constexpr uint16_t dns = 53;

}  // namespace

TEST_SUITE("nft/rules/container/variants") {
  TEST_CASE("without IPv6 tracking, IPv6 questions are denied except at the gate's own port") {
    if (!can_make_hosts_as_real_root()) return;
    nft::Ruleset rules = container_rules();
    rules.tracking = nft::Tracking::ipv4_only;
    FilteredHost host(rules);
    host.runs(
        "nft 'table ip6 untracked { chain c { type filter hook output priority raw\n notrack\n } \n"
        "chain d { type filter hook prerouting priority raw\n notrack\n } \n }'");
    CHECK(host.sends(agent, udp({addresses4.own, 1}, {addresses4.unlisted, dns})) == "to the gate");
    CHECK(host.sends(agent, udp({addresses6.own, 1}, {addresses6.unlisted, dns})) == "denied");
    CHECK(host.sends(agent, udp({addresses6.own, 1}, {addresses6.loopback, the_gates_port})) == "stays");
    CHECK(host.sends(agent, tcp({addresses6.own, 1}, {addresses6.allowed, 443})) == "leaves");
    CHECK(host.sends(the_gate, udp({addresses6.own, 2}, {addresses6.unlisted, dns})) == "leaves");
  }

  TEST_CASE("a kernel without zones redirects questions too") {
    if (!can_make_hosts_as_real_root()) return;
    nft::Ruleset rules = container_rules();
    rules.zones = nft::Zones::unsupported;
    FilteredHost host(rules);
    for (const Addresses& at : both_families) {
      CHECK(host.sends(agent, udp({at.own, 3}, {at.unlisted, dns})) == "to the gate");
      CHECK(host.sends(agent, udp({at.loopback, 3}, {at.loopback, dns})) == "stays");
    }
  }

  TEST_CASE("until the gate has port 53 itself, questions to it are redirected as well") {
    if (!can_make_hosts_as_real_root()) return;
    nft::Ruleset rules = container_rules();
    rules.direct_dns = {};
    FilteredHost host(rules);
    for (const Addresses& at : both_families)
      CHECK(host.sends(agent, udp({at.loopback, 4}, {at.loopback, dns})) == "to the gate");
    host.opens_direct_dns(container_rules());
    for (const Addresses& at : both_families)
      CHECK(host.sends(agent, udp({at.loopback, 5}, {at.loopback, dns})) == "stays");
  }

  TEST_CASE("a resolver of this host is closed in its own family only") {
    if (!can_make_hosts_as_real_root()) return;
    for (const Addresses& at : both_families) {
      nft::Ruleset rules = container_rules();
      rules.closed_resolvers = {*inet::IpAddress::parse(at.other_loopback)};
      FilteredHost host(rules);
      for (const Addresses& each : both_families) {
        const bool is_closed = std::string(each.own) == at.own;
        CHECK((host.sends(agent, tcp({each.own, 6}, {each.other_loopback, 8080})) == "denied") == is_closed);
        CHECK((host.sends(agent, tcp({each.other_loopback, 6}, {each.own, 8080})) == "denied") == is_closed);
        CHECK(host.sends(agent, tcp({each.own, 7}, {each.loopback, 8080})) == "stays");
      }
    }
  }

  TEST_CASE("beside a root agent, Docker's resolver can answer although it may be root") {
    if (!can_make_hosts_as_real_root()) return;
    nft::Ruleset rules = container_rules();
    rules.agent_user = 0;
    FilteredHost host(rules);
    host.runs(
        "nft 'table ip docker { chain c { type nat hook output priority -100\n"
        "ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:41953\n } \n }'");
    CHECK(host.sends(the_gate, udp({addresses4.loopback, 8}, {"127.0.0.11", dns})).starts_with("stays: "));
    CHECK(host.sends(root, udp({"127.0.0.11", 41953}, {addresses4.loopback, 8})) ==
          "stays: " + text(udp({"127.0.0.11", dns}, {addresses4.loopback, 8})));
  }

  TEST_CASE("a service may be open to a whole family, and on a range of ports") {
    if (!can_make_hosts_as_real_root()) return;
    nft::Ruleset rules = container_rules();
    rules.inbound = {{*inet::IpAddress::parse("0.0.0.0"), 0, IPPROTO_TCP, 8000, 8010},
                     {*inet::IpAddress::parse("::"), 0, IPPROTO_UDP, 9000, 9000}};
    FilteredHost host(rules);
    CHECK(host.gets(tcp({addresses4.unlisted, 9}, {addresses4.own, 8010})) == "accepted");
    CHECK(host.gets(tcp({addresses4.unlisted, 9}, {addresses4.own, 8011})) == "inbound");
    CHECK(host.gets(tcp({addresses6.unlisted, 9}, {addresses6.own, 8010})) == "inbound");
    CHECK(host.gets(udp({addresses6.unlisted, 9}, {addresses6.own, 9000})) == "accepted");
    CHECK(host.gets(udp({addresses4.unlisted, 9}, {addresses4.own, 9000})) == "inbound");
  }
}
