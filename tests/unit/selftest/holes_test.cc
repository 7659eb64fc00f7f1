// Rulesets with one hole each: the attempt for that hole finds it.

#include <algorithm>

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "selftest/attempts.h"

using namespace ostiary;
using namespace ostiary::test;

namespace {

// Detected by counting packets; forgery_test.cc tests these.
bool is_forgery(const Attempt& attempt) {
  return attempt.name.starts_with("a forged source") || attempt.name.starts_with("a routing header") ||
         attempt.name.starts_with("a source route");
}

std::vector<std::string> escaped(const std::vector<Attempt>& attempts) {
  std::vector<std::string> escaped;
  for (const Attempt& each : attempts)
    if (each.outcome == Outcome::escaped && !is_forgery(each)) escaped.push_back(each.name);
  std::ranges::sort(escaped);
  return escaped;
}

// Expects exactly these attempts to escape.
void expect_escaped(const std::vector<Attempt>& attempts, std::vector<std::string> expected) {
  INFO(describe(attempts));
  std::ranges::sort(expected);
  CHECK(bool(escaped(attempts) == expected));
}

// The same if some of them get no answer.
void expect_unanswered(const selftest::Targets& targets, std::vector<std::string> expected) {
  std::ranges::sort(expected);
  const auto are_as_expected = [&](const auto& attempts) { return escaped(attempts) == expected; };
  expect_escaped(attempts_until(nobody, targets, are_as_expected), expected);
}

const Attempt& find(const std::vector<Attempt>& attempts, std::string_view name) {
  const auto found = std::ranges::find(attempts, name, &Attempt::name);
  INFO(std::string(name));
  REQUIRE(found != attempts.end());
  return *found;
}

std::vector<std::string> each_family(std::initializer_list<const char*> names) {
  std::vector<std::string> all;
  for (const std::string name : names)
    for (const char* family : {"IPv4", "IPv6"}) {
      const size_t star = name.find('*');
      all.push_back(name.substr(0, star) + family + name.substr(star + 1));
    }
  return all;
}

bool makes_socket(int family, int type, int protocol) {
  return UniqueFd{::socket(family, type, protocol)}.valid();
}

void insert_rule(const std::string& rule) {
  run("nft 'insert rule inet ostiary output " + rule + "'");
}

// Adds the unlisted addresses and those of the other name servers to a host.
void take_the_internet(const Host& host) {
  const On on(host);
  run("for a in 192.0.2.213/32 198.51.100.53/32; do ip addr replace $a dev lo; done");
  run("for a in 2001:db8:ffff::d5/128 2001:db8::53/128; do ip addr replace $a dev lo nodad; done");
}

}  // namespace

TEST_SUITE("selftest/holes") {
  TEST_CASE("without rules everything with a route gets out, answered or not") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    run("echo '0 2147483647' > /proc/sys/net/ipv4/ping_group_range");
    const FakeGate gate;
    for (const auto answered : {"by nobody", "by resets"}) {
      CAPTURE(std::string(answered));
      expect_unanswered(
          targets(gate),
          each_family({"TCP to an unlisted * address", "UDP to an unlisted * address",
                       "UDP-Lite to an unlisted * address", "a ping to an unlisted * address",
                       "TCP to the * metadata service", "an unlisted name at another server, UDP over *",
                       "an unlisted name at another server, TCP over *"}));
      take_the_internet(wire.outside);
    }
    const auto refused = selftest::run(nobody, impatient(targets(gate)));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().exit == Exit::unavailable);
    CHECK(refused.error().message.starts_with("self-test: TCP to an unlisted IPv4 address got out: "));
  }

  TEST_CASE("an ICMP refusal of another host is not mistaken for ours") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    {
      const On on(wire.outside);
      take_the_internet(wire.outside);
      run("nft 'table inet t { chain c { type filter hook input priority 0; iifname wire meta l4proto tcp "
          "reject with icmpx port-unreachable\n} \n}'");
    }
    const On on(wire.inside);
    const FakeGate gate;
    apply_rules();
    insert_rule("meta l4proto tcp accept");
    // From here on it knows its neighbours.
    for (const char* address : {"192.0.2.213", "2001:db8:ffff::d5"}) {
      const UniqueFd server = bound_in(wire.outside, address, 443, SOCK_DGRAM);
      send_marker(address, 443);
      CHECK(receive(server) == "marker");
    }
    const auto was_refused = [](const std::vector<Attempt>& attempts, const char* name) {
      const Attempt& found = find(attempts, name);
      return found.outcome == Outcome::escaped &&
             found.detail == "it left: the error is no refusal of ours: Connection refused";
    };
    const auto both_were_refused = [&](const std::vector<Attempt>& attempts) {
      return was_refused(attempts, "TCP to an unlisted IPv4 address") &&
             was_refused(attempts, "TCP to an unlisted IPv6 address");
    };
    const auto attempts = attempts_until(nobody, targets(gate), both_were_refused);
    INFO(describe(attempts));
    CHECK(both_were_refused(attempts));
  }

  TEST_CASE("a neighbour that does not answer does not count as a refusal") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    run("ip -6 route add 2001:db8:ffff::/48 dev wire");
    for (const std::string family : {"ipv4", "ipv6"}) {
      const std::string solicitations = "/proc/sys/net/" + family + "/neigh/wire/";
      run("echo 10 > " + solicitations + "retrans_time_ms; echo 1 > " + solicitations + "mcast_solicit");
    }
    const FakeGate gate;
    apply_rules();
    insert_rule("tcp dport 443 accept");
    const auto attempts = attempts_of(nobody, targets(gate));
    for (const std::string& name : each_family({"TCP to an unlisted * address"})) {
      CHECK(find(attempts, name).outcome == Outcome::escaped);
      CHECK(find(attempts, name).detail == "it left: the error is no refusal of ours: No route to host");
    }
  }

  TEST_CASE("a connection that succeeds is reported") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    UniqueFd server;
    take_the_internet(wire.outside);
    {
      const On on(wire.outside);
      server = bound("192.0.2.213", 443, SOCK_STREAM);
    }
    const On on(wire.inside);
    const FakeGate gate;
    apply_rules();
    insert_rule("ip daddr 192.0.2.0/24 accept");
    expect_unanswered(targets(gate), {"TCP to an unlisted IPv4 address", "UDP to an unlisted IPv4 address",
                                      "UDP-Lite to an unlisted IPv4 address"});
  }

  TEST_CASE("one additional rule lets one attempt out, which is reported") {
    if (!can_make_hosts_as_real_root()) return;
    const std::pair<const char*, std::vector<std::string>> holes[] = {
        {"ip daddr 169.254.169.254 accept", {"TCP to the IPv4 metadata service"}},
        {"ip6 daddr fd00::/8 accept", {"TCP to the IPv6 metadata service"}},
        {"meta l4proto udplite accept", each_family({"UDP-Lite to an unlisted * address"})},
        {"udp dport 443 accept", each_family({"UDP to an unlisted * address"})},
        {"tcp dport 443 accept", each_family({"TCP to an unlisted * address"})},
        {"meta skuid 65534 tcp dport 443 accept", each_family({"TCP to an unlisted * address"})},
        {"meta skuid 0 accept", {}},
        {"icmp type echo-request accept", {"a ping to an unlisted IPv4 address"}},
        {"icmpv6 type echo-request accept", {"a ping to an unlisted IPv6 address"}},
        {"ip daddr 192.0.2.0/24 tcp dport 443 drop", {"TCP to an unlisted IPv4 address"}},
    };
    const Wire wire;
    const On on(wire.inside);
    run("echo '0 2147483647' > /proc/sys/net/ipv4/ping_group_range");
    const FakeGate gate;
    for (const auto& [rule, expected] : holes) {
      CAPTURE(std::string(rule));
      apply_rules();
      insert_rule(rule);
      expect_unanswered(targets(gate), expected);
    }
  }

  TEST_CASE("a chain with the policy accept lets everything out") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    const FakeGate gate;
    apply_rules();
    run("nft flush chain inet ostiary output && nft 'chain inet ostiary output { policy accept; }'");
    expect_unanswered(targets(gate),
                      each_family({"TCP to an unlisted * address", "UDP to an unlisted * address",
                                   "UDP-Lite to an unlisted * address", "TCP to the * metadata service"}));
  }

  TEST_CASE("NXDOMAIN from another server means that the lookup got out") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    take_the_internet(wire.outside);
    std::optional<FakeServer> server;
    {
      const On on(wire.outside);
      server.emplace(std::initializer_list<FakeServer::Listener>{{"198.51.100.53", 53}, {"2001:db8::53", 53}},
                     FakeServer::Life{});
    }
    const On on(wire.inside);
    const FakeGate gate;
    apply_rules();
    run("nft flush chain inet ostiary nat");
    expect_escaped(attempts_of(nobody, targets(gate)), {});  // refused instead of redirected
    insert_rule("meta l4proto { tcp, udp } th dport 53 accept");
    insert_rule("ct state established accept");
    expect_unanswered(targets(gate), each_family({"an unlisted name at another server, UDP over *",
                                                  "an unlisted name at another server, TCP over *"}));
  }

  TEST_CASE("a gate that does not deny is detected, with any answer") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    apply_rules();
    const auto every_name = each_family(
        {"an unlisted name at the gate, UDP over *", "an unlisted name at the gate, TCP over *",
         "an unlisted name at another server, UDP over *", "an unlisted name at another server, TCP over *"});
    for (const Reply reply : {Reply::an_address, Reply::server_failure}) {
      const FakeGate gate({.reply = reply});
      expect_escaped(attempts_of(nobody, targets(gate)), every_name);
    }
    {
      const FakeGate gate({.reply = Reply::silence});
      expect_unanswered(targets(gate), every_name);
    }
    const FakeGate gate({.reply = Reply::refused});
    expect_escaped(attempts_of(nobody, targets(gate)), {});
  }

  TEST_CASE("a missing gate is detected") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    apply_rules();
    selftest::Targets absent;
    {
      const FakeGate gate;
      absent = targets(gate);
    }
    const auto attempts = attempts_of(nobody, absent);
    for (const std::string& name : each_family(
             {"an unlisted name at the gate, UDP over *", "an unlisted name at the gate, TCP over *"}))
      CHECK(find(attempts, name).outcome == Outcome::escaped);
    CHECK(find(attempts, "ending the gate").outcome == Outcome::escaped);
  }

  TEST_CASE("a gate with the agent's user is detected: the agent could end and read it") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    apply_rules();
    for (const auto* agent : {&nobody, &root}) {
      const FakeGate gate({.uid = agent->uid, .dumpable = 1});
      // Root has no power over a process with more capabilities than its own.
      std::vector<std::string> expected{"ending the gate"};
      if (agent->uid != 0) expected.push_back("reading the gate's memory");
      expect_escaped(attempts_of(*agent, targets(gate)), expected);
    }
  }

  TEST_CASE("a secret that the agent can read is detected; one that only root can read is held") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    const FakeGate gate;
    apply_rules();
    const std::string path = "/tmp/ostiary-self-test-" + std::to_string(::getpid());
    selftest::Targets adjusted = targets(gate);
    adjusted.root_only_file = path;
    for (const auto& [mode, outcome] :
         {std::pair<mode_t, Outcome>{0600, Outcome::held}, {0644, Outcome::escaped}}) {
      std::ofstream(path) << "secret";
      REQUIRE(::chmod(path.c_str(), mode) == 0);
      CHECK(find(attempts_of(nobody, adjusted), "reading a file of root's").outcome == outcome);
      ::unlink(path.c_str());
    }
    CHECK(find(attempts_of(nobody, adjusted), "reading a file of root's").outcome == Outcome::held);
    CHECK(find(attempts_of(root, adjusted), "reading a file of root's").outcome == Outcome::not_applicable);
  }

  TEST_CASE("an agent that was not confined succeeds with privileged attempts") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    const FakeGate gate;
    apply_rules();
    auto probe = selftest::Probe::prepare(root, targets(gate));
    REQUIRE(probe);
    const auto attempts = probe->try_to_get_out();
    if (!attempts) FAIL(attempts.error().message);
    std::vector<std::string> expected{"a raw IPv4 socket",  "a raw IPv6 socket", "the gate's mark",
                                      "changing the rules", "ending the gate",   "reading the gate's memory"};
    // The attempts that this kernel supports.
    if (makes_socket(AF_PACKET, SOCK_RAW, 0)) expected.emplace_back("a packet socket");
    if (makes_socket(AF_VSOCK, SOCK_STREAM, 0)) expected.emplace_back("a vsock socket");
    if (makes_socket(AF_INET, SOCK_STREAM, 262)) expected.emplace_back("an MPTCP socket");
    if (::syscall(SYS_io_uring_setup, 1, nullptr) < 0 && errno == EFAULT)
      expected.emplace_back("an io_uring");
    expect_escaped(*attempts, expected);
  }
}
