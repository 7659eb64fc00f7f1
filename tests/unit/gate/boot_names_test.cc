#include "gate/boot_names.h"

#include <array>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "fakes.h"
#include "gate/relayed_names.h"

using namespace ostiary;
using namespace ostiary::gate;
using namespace ostiary::gate::testing;
using dns::RecordType;

using Texts = std::vector<std::string>;

namespace {

constexpr std::array both{RecordType::a, RecordType::aaaa};
constexpr std::array ipv4_only{RecordType::a};

std::vector<upstream::Server> servers(size_t count) {
  std::vector<upstream::Server> made;
  for (uint8_t i = 1; i <= count; ++i)
    made.push_back({.address = inet::IpAddress::v4({192, 0, 2, i}), .zone = {}});
  return made;
}

Message unopened(const std::vector<Resolution>& findings, std::span<const RecordType> types = both,
                 size_t server_count = 1) {
  PlanHost host(inet::HostName::parse("a.example").value(), types.size());
  for (const Resolution& resolution : findings) host.take(resolution);
  CHECK_FALSE(host.resolved());
  const auto asked = servers(server_count);
  return host.unopened({.servers = asked, .types = types, .timeout = std::chrono::seconds(5)});
}

const Resolution none{.kind = Resolution::Kind::no_data};
const Resolution refused{.kind = Resolution::Kind::failed, .failure = "REFUSED"};

constexpr auto time_limit = 5s;

// The names of a plan, whose upstream answers when the test says so.
struct Boot {
  explicit Boot(const std::vector<std::string>& entries, Terms terms = {.hold = 3600s},
                std::vector<policy::Rule> relayed_rules = {})
      : gate(rules(entries), terms), setup(made_up_setup(terms, std::move(relayed_rules))) {}
  static Setup made_up_setup(Terms terms, std::vector<policy::Rule> relayed_rules) {
    Setup made;
    made.relayed = std::move(relayed_rules);
    made.upstreams = servers(1);
    made.terms = terms;
    made.resolve_timeout = time_limit;
    return made;
  }
  static std::vector<policy::Rule> rules(const std::vector<std::string>& entries) {
    std::vector<policy::Rule> all;
    for (const std::string& entry : entries) all.push_back(rule(entry));
    return all;
  }
  // "h0.example" to "h<count - 1>.example"
  static std::vector<std::string> many(size_t count) {
    std::vector<std::string> all;
    for (size_t i = 0; i < count; ++i) all.push_back("h" + std::to_string(i) + ".example");
    return all;
  }

  void start() { names.start(); }
  void turn_after(event::Time::duration duration) {
    gate.now += duration;
    REQUIRE(loop->turn(0ms));
  }
  // The messages since the last call.
  Texts said() { return std::exchange(messages_, {}); }

  TestGate gate;
  std::unique_ptr<event::Loop> loop = event::Loop::create([this] { return gate.now; }).value();
  const Setup setup;
  RelayedNames relayed{setup, gate.upstream, gate.wildcards, *loop};
  BootNames names{{.loop = *loop,
                   .setup = setup,
                   .sources = {{.policy = gate.policy, .answerer = gate.answerer},
                               {.policy = relayed.policy(),
                                .answerer = relayed.answerer(),
                                .whom = BootNames::Source::For::relay}},
                   .recorder = gate.recorder},
                  [this](const Message& message) { take(message); }};

 private:
  Texts messages_;
  void take(const Message& message) {
    switch (message.kind) {
      case Message::Kind::admitted:
        return messages_.push_back(message.text + " for " + message.reason);
      case Message::Kind::unresolved:
        return messages_.push_back(message.text + " " + message.reason);
      case Message::Kind::withheld:
        return messages_.push_back("withheld: " + message.text + " " + message.reason);
      case Message::Kind::ready:
        return messages_.push_back("ready, resolved: " + std::to_string(message.number));
      default:
        FAIL("not a message about the plan's names");
    }
  }
};

}  // namespace

TEST_SUITE("gate/boot_names") {
  TEST_CASE("reports the server's answer") {
    CHECK(unopened({none, none}).reason == "has no address (192.0.2.1:53: NODATA)");
    CHECK(unopened({none}, ipv4_only).reason == "has no IPv4 address (192.0.2.1:53: NODATA)");
    const Resolution missing{.kind = Resolution::Kind::no_such_name};
    CHECK(unopened({missing, missing}).reason == "does not exist (192.0.2.1:53: NXDOMAIN)");
    CHECK(unopened({none}).reason == "did not resolve (192.0.2.1:53: no answer within 5 s)");
    CHECK(unopened({}, {}).reason == "did not resolve (no route leads out of this network)");
  }

  TEST_CASE("a failure takes precedence over an answer, in any order") {
    for (const auto& findings :
         {std::vector{none, refused}, std::vector{refused, none}, std::vector{refused}})
      CHECK(unopened(findings).reason == "did not resolve (192.0.2.1:53: REFUSED)");
  }

  TEST_CASE("private addresses take precedence, and give another kind of message") {
    const std::array addresses{inet::IpAddress::v4({10, 9, 9, 9})};
    const Resolution withheld{.kind = Resolution::Kind::withheld, .addresses = addresses};
    const Message message = unopened({withheld, refused});
    CHECK(message.kind == Message::Kind::withheld);
    CHECK(message.text == "a.example");
    CHECK(message.reason == "has private addresses only (10.9.9.9), which its rule does not open");
    CHECK(unopened({none, none}).kind == Message::Kind::unresolved);
  }

  TEST_CASE("a long list is cut with a mark") {
    CHECK(unopened({none, none}, both, 6).reason ==
          "has no address (192.0.2.1:53, 192.0.2.2:53, 192.0.2.3:53, 192.0.2.4:53 and 2 more: NODATA)");
  }

  TEST_CASE("one address is enough") {
    PlanHost host(inet::HostName::parse("a.example").value(), 2);
    host.take(refused);
    const std::array addresses{inet::IpAddress::v4({192, 0, 2, 9})};
    host.take({.kind = Resolution::Kind::addresses, .addresses = addresses});
    CHECK(host.resolved());
    CHECK_FALSE(host.waits());
  }

  TEST_CASE("asks for the addresses of each name that is no wildcard, and is ready after the last answer") {
    Boot boot({"a.example", "*.w.example", "b.example"});
    boot.start();
    CHECK(boot.gate.upstream.asked ==
          Texts{"a.example A", "a.example AAAA", "b.example A", "b.example AAAA"});
    boot.gate.upstream.answer({address_record("192.0.2.1"), address_record("192.0.2.2")});
    CHECK(boot.said() == Texts{"192.0.2.1 for a.example", "192.0.2.2 for a.example"});
    CHECK(boot.gate.kernel.held() == "192.0.2.1 443/tcp 3600, 192.0.2.2 443/tcp 3600");
    boot.gate.upstream.answer({address_record("2001:db8::1")});
    boot.gate.upstream.answer({});
    CHECK(boot.said() == Texts{"2001:db8::1 for a.example"});
    boot.gate.upstream.answer({});
    CHECK(boot.said() == Texts{"b.example has no address (192.0.2.1:53: NODATA)", "ready, resolved: 1"});
    boot.turn_after(time_limit);
    CHECK(boot.said().empty());
  }

  TEST_CASE("asks only for the addresses that this network can reach") {
    Boot boot({"a.example"}, {.hold = 3600s, .ipv6 = Reachability::unreachable});
    boot.start();
    CHECK(boot.gate.upstream.asked == Texts{"a.example A"});
    boot.gate.upstream.answer({address_record("192.0.2.1")});
    CHECK(boot.said() == Texts{"192.0.2.1 for a.example", "ready, resolved: 1"});
  }

  TEST_CASE("asks nothing without a network, and says so for each name") {
    Boot boot({"a.example", "b.example"},
              {.hold = 3600s, .ipv4 = Reachability::unreachable, .ipv6 = Reachability::unreachable});
    boot.start();
    CHECK(boot.gate.upstream.asked.empty());
    CHECK(boot.said() == Texts{"a.example did not resolve (no route leads out of this network)",
                               "b.example did not resolve (no route leads out of this network)",
                               "ready, resolved: 0"});
  }

  TEST_CASE("is ready at once if the plan has no names") {
    Boot boot({"*.w.example"});
    boot.start();
    CHECK(boot.said() == Texts{"ready, resolved: 0"});
    CHECK_FALSE(boot.loop->deadline());
  }

  TEST_CASE("resolves at most 64 names at a time, and the next when one is resolved") {
    Boot boot(Boot::many(70));
    boot.start();
    CHECK(boot.gate.upstream.asked.size() == 2 * 64);
    boot.gate.upstream.answer({address_record("192.0.2.1")});
    CHECK(boot.gate.upstream.asked.size() == 2 * 64);
    boot.gate.upstream.answer({});
    CHECK(boot.gate.upstream.asked.size() == 2 * 65);
    CHECK(boot.gate.upstream.asked.back() == "h64.example AAAA");
    while (boot.gate.upstream.waiting() > 0) {
      CHECK(boot.gate.upstream.waiting() <= 2 * 64);
      boot.gate.upstream.answer({});
    }
    CHECK(boot.gate.upstream.asked.size() == 2 * 70);
    CHECK(boot.said().back() == "ready, resolved: 1");
  }

  TEST_CASE("resolves all names if the upstream answers within the question") {
    Boot boot(Boot::many(200));
    boot.gate.upstream.at_once = [](const dns::Question& question) {
      const bool ipv4 = question.type == RecordType::a;
      return reply_to(question, {address_record(ipv4 ? "192.0.2.1" : "2001:db8::1")});
    };
    boot.start();
    CHECK(boot.gate.upstream.asked.size() == 2 * 200);
    const Texts said = boot.said();
    REQUIRE(said.size() == 2 * 200 + 1);
    CHECK(said.back() == "ready, resolved: 200");
  }

  TEST_CASE("gives up at the time limit, and reports the names without an address") {
    Boot boot({"a.example", "b.example"});
    boot.start();
    boot.gate.upstream.answer({address_record("192.0.2.1")});  // A of a.example; its AAAA is outstanding
    boot.said();
    CHECK(boot.loop->deadline() == start + time_limit);
    boot.turn_after(time_limit - 1ns);
    CHECK(boot.said().empty());
    boot.turn_after(1ns);
    CHECK(boot.said() ==
          Texts{"b.example did not resolve (192.0.2.1:53: no answer within 5 s)", "ready, resolved: 1"});
    CHECK_FALSE(boot.loop->deadline());
  }

  TEST_CASE("an address that arrives after the time limit is admitted, and not reported") {
    Boot boot(Boot::many(70));
    boot.start();
    boot.turn_after(time_limit);
    const Texts said = boot.said();
    REQUIRE(said.size() == 70 + 1);
    CHECK(said.back() == "ready, resolved: 0");
    boot.gate.upstream.answer({address_record("192.0.2.1")});
    boot.gate.upstream.answer({});
    CHECK(boot.said().empty());
    CHECK(boot.gate.kernel.held() == "192.0.2.1 443/tcp 3600");
    CHECK(boot.gate.upstream.asked.size() == 2 * 64);
  }

  TEST_CASE("private addresses are withheld, and the audit has the boot's denial") {
    Boot boot({"a.example"});
    boot.start();
    boot.gate.upstream.answer({address_record("10.9.9.9")});
    boot.gate.upstream.answer({});
    CHECK(boot.said() ==
          Texts{"withheld: a.example has private addresses only (10.9.9.9), which its rule does not open",
                "ready, resolved: 0"});
    const auto denials = boot.gate.audited("deny");
    REQUIRE(denials.size() == 1);
    CHECK(denials[0]["name"] == "a.example");
    CHECK(denials[0]["by"] == "boot");
    CHECK(boot.gate.kernel.held().empty());
  }

  TEST_CASE("a name of the relay is resolved and counted, and admits nothing for the agent") {
    Boot boot({"a.example"}, {.hold = 3600s, .ipv6 = Reachability::unreachable},
              {rule("c.example:4318", policy::Answers::private_too), rule("192.0.2.9:4317")});
    boot.start();
    CHECK(boot.gate.upstream.asked == Texts{"a.example A", "c.example A"});
    boot.gate.upstream.answer({address_record("192.0.2.1")});
    boot.gate.upstream.answer({address_record("10.0.0.9")});
    CHECK(boot.said() == Texts{"192.0.2.1 for a.example", "ready, resolved: 2"});
    CHECK(boot.gate.kernel.held() == "192.0.2.1 443/tcp 3600");
    CHECK(boot.gate.audited("admit").size() == 1);
    boot.gate.ask("c.example");
    CHECK(boot.gate.last().rcode == dns::Rcode::no_such_name);
    CHECK(boot.gate.upstream.waiting() == 0);
  }

  TEST_CASE("a name of the relay that does not resolve is reported") {
    Boot boot({}, {.hold = 3600s, .ipv6 = Reachability::unreachable},
              {rule("c.example"), rule("d.example", policy::Answers::private_too)});
    boot.start();
    boot.gate.upstream.answer({});
    boot.gate.upstream.answer({address_record("169.254.169.254")});
    CHECK(
        boot.said() ==
        Texts{
            "c.example has no IPv4 address (192.0.2.1:53: NODATA)",
            "withheld: d.example has private addresses only (169.254.169.254), which its rule does not open",
            "ready, resolved: 0"});
  }

  TEST_CASE("a name that both agent and relay have is the agent's too") {
    Boot boot({"a.example"}, {.hold = 3600s, .ipv6 = Reachability::unreachable}, {rule("a.example:4318")});
    boot.start();
    boot.gate.upstream.answer({address_record("192.0.2.1")});
    boot.gate.upstream.answer({address_record("192.0.2.1")});
    CHECK(boot.said() == Texts{"192.0.2.1 for a.example", "ready, resolved: 2"});
    CHECK(boot.gate.kernel.held() == "192.0.2.1 443/tcp 3600");
  }
}
