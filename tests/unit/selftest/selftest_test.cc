// With the real rules and a gate that denies, all attempts are held.

#include "ostiary/selftest/selftest.h"

#include <algorithm>
#include <chrono>

#include <doctest/doctest.h>

#include "selftest/attempts.h"

using namespace ostiary;
using namespace ostiary::test;

namespace {

// Counts packets that arrive from the wire, except neighbour discovery: all of them, and those that
// a router could forward. The kernel's reply to a forged source has the kernel's own hop limit, and
// goes to a documentation address.
void count_arrivals() {
  run("nft 'table inet count { chain c { type filter hook prerouting priority 0; iifname \"lo\" accept\n "
      "icmpv6 type { 133-136, 143 } accept\n counter comment \"arrivals\"\n "
      "ip6 daddr { 2001:db8:fffe::/48, ::ffff:0:0/96 } accept\n ip daddr 198.51.100.0/24 accept\n "
      "ip ttl > 1 counter comment \"far\"\n ip6 hoplimit > 1 counter comment \"far\"\n} \n}'");
}

bool something_arrived(const Host& host, const std::string& what) {
  const On on(host);
  return output_of("nft list table inet count | grep " + what + " | grep -v 'packets 0 '") != "";
}

}  // namespace

TEST_SUITE("selftest/selftest") {
  TEST_CASE("with the rules everything is held, for an ordinary user and for root, and no packet leaves") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    {
      const On on(wire.outside);
      count_arrivals();
    }
    const On on(wire.inside);
    const FakeGate gate;
    apply_rules();
    for (const auto* agent : {&nobody, &root}) {
      const auto attempts = selftest::run(*agent, targets(gate));
      if (!attempts) FAIL(attempts.error().message);
      INFO(describe(*attempts));
      CHECK(names(*attempts, Outcome::escaped).empty());
      CHECK(std::ranges::count(*attempts, Outcome::held, &Attempt::outcome) >= 23);
    }
    CHECK_FALSE(something_arrived(wire.outside, "arrivals"));
    REQUIRE(nft::remove());
    CHECK_FALSE(selftest::run(nobody, impatient(targets(gate))));
    CHECK(something_arrived(wire.outside, "arrivals"));
    CHECK_FALSE(something_arrived(wire.outside, "far"));
  }

  TEST_CASE("the rules refuse pings if the kernel allows all users to send them") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    run("echo '0 2147483647' > /proc/sys/net/ipv4/ping_group_range");
    const FakeGate gate;
    apply_rules();
    const auto attempts = attempts_of(nobody, targets(gate));
    for (const char* name : {"a ping to an unlisted IPv4 address", "a ping to an unlisted IPv6 address"}) {
      const auto found = std::ranges::find(attempts, name, &Attempt::name);
      REQUIRE(found != attempts.end());
      CHECK(found->outcome == Outcome::held);
    }
  }

  TEST_CASE("everything is held without routes, without IPv6, and without IPv6 connection tracking") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    const FakeGate gate;
    nft::Ruleset ruleset = rules();
    ruleset.tracking = nft::Tracking::ipv4_only;
    apply_rules(ruleset);
    const auto expect_held = [&] {
      const auto attempts = selftest::run(nobody, targets(gate));
      if (!attempts) FAIL(attempts.error().message);
      return selftest::summary(*attempts);
    };
    expect_held();
    apply_rules();
    run("ip -6 route flush default && ip route flush default");
    expect_held();
    run("ip route add blackhole default && ip -6 route add unreachable default");
    expect_held();
    run("ip route flush default && ip link del wire");
    expect_held();
    run("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6");
    CHECK(expect_held().contains("not applicable"));
  }

  TEST_CASE("a user's rules that refuse earlier do not disturb it") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    const FakeGate gate;
    apply_rules();
    run("nft 'table inet mine { chain c { type filter hook output priority 0; oifname wire th dport != { 53, "
        "5300 } "
        "reject with icmpx admin-prohibited\n} \n}'");
    const auto attempts = selftest::run(nobody, targets(gate));
    if (!attempts) FAIL(attempts.error().message);
    CHECK(names(*attempts, Outcome::escaped).empty());
  }

  TEST_CASE("a user's rules that drop do not fail it, and the counters that detect them are removed") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    {
      const On on(wire.outside);
      count_arrivals();
    }
    const On on(wire.inside);
    run("echo '0 2147483647' > /proc/sys/net/ipv4/ping_group_range");
    const FakeGate gate;
    apply_rules();
    for (const char* chain :
         {"output priority 0; oifname wire drop", "output priority -300; oifname wire drop",
          "output priority 0; oif != lo tcp dport != 53 drop",
          "output priority 0; meta l4proto icmpv6 icmpv6 type echo-request drop"}) {
      CAPTURE(std::string(chain));
      run("nft 'table inet mine { chain c { type filter hook " + std::string(chain) + "\n} \n}'");
      const auto attempts =
          run_until(nobody, targets(gate), [](const auto& result) { return result.has_value(); });
      if (!attempts) FAIL(attempts.error().message);
      CHECK(std::ranges::count(*attempts, Outcome::dropped, &Attempt::outcome) > 0);
      CHECK(std::ranges::count(*attempts, Outcome::unanswered, &Attempt::outcome) == 0);
      CHECK(selftest::summary(*attempts).contains(" dropped by other rules"));
      run("nft delete table inet mine");
      CHECK(output_of("nft list tables") == "table inet ostiary\n");
    }
    CHECK_FALSE(something_arrived(wire.outside, "arrivals"));
  }

  TEST_CASE("a hole is found in spite of a user's rules that drop any packets") {
    if (!can_make_hosts_as_real_root()) return;
    struct Case {
      const char* hole;   // in our rules
      const char* chain;  // another table's chain
      const char* found = "TCP to an unlisted IPv4 address";
    };
    const std::vector<Case> cases{
        {"meta l4proto tcp accept", "output priority 0; meta l4proto icmpv6 icmpv6 type echo-request drop"},
        // Both packets go to one address.
        {"icmpv6 type echo-request accept", "output priority 0; oifname wire tcp dport != 53 drop",
         "TCP to an unlisted IPv6 address"},
        // It is redirected on its way out, or to a local process.
        {"meta l4proto tcp accept",
         "output priority -90; }; chain d { type nat hook output priority -90; "
         "ip daddr 192.0.2.213 tcp dport 443 dnat ip to 203.0.113.77:80"},
        {"meta l4proto tcp accept",
         "output priority -90; }; chain d { type nat hook output priority -90; "
         "ip6 daddr 2001:db8:ffff::d5 tcp dport 443 dnat ip6 to [2001:db8:77::1]:80"},
    };
    for (const Case& each : cases) {
      CAPTURE(std::string(each.hole));
      CAPTURE(std::string(each.chain));
      const Wire wire;
      const On on(wire.inside);
      run("echo '0 2147483647' > /proc/sys/net/ipv4/ping_group_range");
      const FakeGate gate;
      apply_rules();
      run("nft 'insert rule inet ostiary output " + std::string(each.hole) + "'");
      run("nft 'table inet mine { chain c { type filter hook " + std::string(each.chain) + "\n} \n}'");
      const std::string found = "self-test: " + std::string(each.found) + " got out: ";
      const auto attempts = run_until(nobody, targets(gate), [&](const auto& result) {
        return !result && result.error().message.starts_with(found);
      });
      REQUIRE_FALSE(attempts);
      CHECK(attempts.error().exit == Exit::unavailable);
      CHECK_MESSAGE(attempts.error().message.starts_with(found), attempts.error().message);
      CHECK_FALSE(output_of("nft list tables").contains("self_test"));
    }
  }

  TEST_CASE("destinations that the policy permits are not tried") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    const FakeGate gate;
    nft::Ruleset ruleset = rules();
    for (const char* metadata : {"169.254.169.254", "fd00:ec2::254"})
      ruleset.addresses.push_back({*inet::IpAddress::parse(metadata),
                                   static_cast<uint8_t>(metadata[0] == '1' ? 32 : 128), IPPROTO_TCP, 80, 80});
    ruleset.addresses.push_back({*inet::IpAddress::parse("0.0.0.0"), 0, IPPROTO_UDP, 1, 65535});
    apply_rules(ruleset);
    selftest::Targets adjusted = targets(gate);
    adjusted.permitted = ruleset.addresses;
    const auto attempts = selftest::run(nobody, adjusted);
    if (!attempts) FAIL(attempts.error().message);
    const std::string spared = names(*attempts, Outcome::not_applicable);
    CHECK(spared.contains("TCP to the IPv4 metadata service\n"));
    CHECK(spared.contains("TCP to the IPv6 metadata service\n"));
    CHECK(spared.contains("UDP to an unlisted IPv4 address\n"));
    CHECK_FALSE(spared.contains("UDP to an unlisted IPv6 address\n"));
    CHECK_FALSE(selftest::run(nobody, impatient(targets(gate))));
  }
}
