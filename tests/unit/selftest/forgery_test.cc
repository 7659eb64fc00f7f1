// A packet with another host's source gets no reply, because the reply would go to that host.

#include "selftest/forgery.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "selftest/attempts.h"
#include "selftest/sent_octets.h"

using namespace ostiary;
using namespace ostiary::test;

TEST_SUITE("selftest/forgery") {
  TEST_CASE("without rules every forged packet that the kernel makes leaves") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    run("echo '0 2147483647' > /proc/sys/net/ipv4/ping_group_range");
    const auto forgeries = selftest::choose_forgeries();
    REQUIRE(forgeries);
    for (const auto& forgery : *forgeries) {
      CAPTURE(forgery.name);
      const auto before = selftest::read_sent_octets();
      const int error = selftest::forge(forgery);
      REQUIRE(before);
      if (error == EPERM && forgery.kind == selftest::Forgery::Kind::source_route) {
        MESSAGE("skipped: this kernel takes no source route");
        continue;
      }
      CHECK_MESSAGE(before != selftest::read_sent_octets(), "errno ", error);
    }
  }

  TEST_CASE("if refusals leave, every forged packet is reported; if they are dropped, none") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    run("echo '0 2147483647' > /proc/sys/net/ipv4/ping_group_range");
    const FakeGate gate;
    apply_rules();
    run("nft 'insert rule inet ostiary output ct state related accept'");
    run("nft 'insert rule inet ostiary output exthdr rt exists accept'");
    run("nft 'insert rule inet ostiary output ct state new fib saddr type != local reject'");
    for (const auto* agent : {&nobody, &root}) {
      const auto attempts = attempts_of(*agent, targets(gate));
      INFO(describe(attempts));
      CHECK(names(attempts, Outcome::escaped) ==
            "a forged source, UDP over IPv6 to this host\na forged source, UDP over IPv6 to elsewhere\n"
            "a forged source, TCP over IPv6 to this host\na forged source, TCP over IPv6 to elsewhere\n"
            "a forged source, UDP over IPv4\na forged source, a ping over IPv6\n"
            "a routing header over IPv6\n");
      const auto refused = selftest::run(*agent, targets(gate));
      REQUIRE_FALSE(refused);
      INFO(refused.error().message);
      CHECK(refused.error().message.starts_with(
          "self-test: a forged source, UDP over IPv6 to this host got out: "));
      CHECK(refused.error().message.contains("1 of its packets left; and "));
    }
    apply_rules();
    for (const auto* agent : {&nobody, &root}) {
      const auto attempts = attempts_of(*agent, targets(gate));
      INFO(describe(attempts));
      CHECK(names(attempts, Outcome::escaped) == "");
    }
  }

  TEST_CASE("packets of other processes at the same time do not fail the self-test") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    const FakeGate gate;
    apply_rules();
    const pid_t busy = ::fork();
    REQUIRE(busy >= 0);
    if (busy == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) (void)udp_error("127.0.0.1", 9);
    }
    const auto attempts = selftest::run(nobody, targets(gate));
    ::kill(busy, SIGKILL);
    ::waitpid(busy, nullptr, 0);
    if (!attempts) FAIL(attempts.error().message);
    CHECK(names(*attempts, Outcome::held).contains("a forged source, UDP over IPv4\n"));
  }
}
