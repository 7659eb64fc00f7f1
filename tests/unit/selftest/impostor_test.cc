// If the gate's upstream is an address of this host, another process may bind it. Tests whether the
// gate would accept its answers.

#include "selftest/impostor.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "selftest/attempts.h"

using namespace ostiary;
using namespace ostiary::test;

namespace {

const inet::IpAddress stub = inet::IpAddress::v4({127, 0, 0, 53});

std::string impostors(const std::vector<Attempt>& attempts, Outcome outcome) {
  std::string text;
  for (const Attempt& each : attempts)
    if (each.outcome == outcome && each.name.starts_with("an answer to the gate from "))
      text += each.name + "\n";
  return text;
}

constexpr const char* both =
    "an answer to the gate from 127.0.0.53:53 over UDP\nan answer to the gate from 127.0.0.53:53 over TCP\n";

struct Boot {
  Boot() { run("echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start"); }

  std::vector<Attempt> attempts(const FakeGate& gate) const {
    return attempts_of(nobody, targets_with_stub(gate));
  }
  selftest::Targets targets_with_stub(const FakeGate& gate) const {
    selftest::Targets adjusted = targets(gate);
    adjusted.local_upstreams = {{stub, 53}};
    adjusted.loopback_patience = std::chrono::milliseconds(2);
    return adjusted;
  }
};

}  // namespace

TEST_SUITE("selftest/impostor") {
  TEST_CASE("an agent whose answers the gate would accept is detected") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    const Boot boot;
    const FakeGate gate;
    apply_rules();
    run("nft 'insert rule inet ostiary output ct mark " + std::to_string(gate_mark) +
        " ct state established accept'");
    CHECK(impostors(boot.attempts(gate), Outcome::escaped) == both);
  }

  TEST_CASE("an agent that may bind the port is held if the rules refuse its answers") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    const Boot boot;
    const FakeGate gate;
    apply_rules();
    run("nft 'insert rule inet ostiary output ct mark " + std::to_string(gate_mark) +
        " meta skuid 65534 ct direction reply drop'");
    const auto attempts = boot.attempts(gate);
    INFO(describe(attempts));
    CHECK(impostors(attempts, Outcome::held) == both);
  }

  TEST_CASE("an agent that may not bind the port is held") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    const Boot boot;
    run("echo 1024 > /proc/sys/net/ipv4/ip_unprivileged_port_start");
    const FakeGate gate;
    const auto attempts = attempts_of(nobody, impatient(boot.targets_with_stub(gate)));
    CHECK(impostors(attempts, Outcome::held) == both);
  }
}
