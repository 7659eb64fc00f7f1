#include "ostiary/policy/policy.h"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "ostiary/policy/parse.h"
#include "variables.h"

using namespace ostiary::policy;

namespace {

std::vector<Rule> rules_of(std::string_view list) {
  return parse_list(list, "test", variables()).value();
}

// "deny", or what is granted, such as "tcp/443 udp/53-54"; "!" marks private addresses, "t" a name in TLS
std::string said(const Policy& policy, std::string_view name) {
  const Decision decision = policy.decide(name);
  if (decision.verdict == Verdict::deny) return "deny";
  std::string written;
  for (const auto& [transport, ports, answers, opened_by] : decision.grants) {
    written += (written.empty() ? "" : " ") + std::string(transport == Transport::tcp ? "tcp/" : "udp/") +
               std::to_string(ports.first);
    if (ports.first != ports.last) written += "-" + std::to_string(ports.last);
    if (answers == Answers::private_too) written += "!";
    if (opened_by == OpenedBy::tls_name) written += "t";
  }
  return written;
}

// The same answer, from a check of every rule.
bool matches(const Rule& rule, std::string_view name) {
  if (const auto* exact = std::get_if<ostiary::inet::HostName>(&rule.subject)) return exact->text() == name;
  const auto* wildcard = std::get_if<Wildcard>(&rule.subject);
  return wildcard != nullptr && name.ends_with("." + wildcard->suffix.text());
}

}  // namespace

TEST_SUITE("policy/policy") {
  TEST_CASE("a policy without rules denies everything") {
    CHECK(Verdict{} == Verdict::deny);
    CHECK(said(Policy(), "a.example") == "deny");
    CHECK(said(Policy::compile({}), "a.example") == "deny");
    CHECK(said(Policy::compile({}), "") == "deny");
  }

  TEST_CASE("a name is that name alone, a wildcard its subdomains and not itself") {
    const Policy policy = Policy::compile(rules_of("example.com,*.example.org"));
    CHECK(said(policy, "example.com") == "tcp/443t");
    CHECK(said(policy, "a.example.com") == "deny");
    CHECK(said(policy, "xexample.com") == "deny");
    CHECK(said(policy, "example.org") == "deny");
    CHECK(said(policy, "a.example.org") == "tcp/443t");
    CHECK(said(policy, "a.b.c.example.org") == "tcp/443t");
    CHECK(said(policy, "xexample.org") == "deny");
    CHECK(said(policy, "example.org.evil.example") == "deny");
    CHECK(said(policy, "com") == "deny");
    CHECK(policy.decide(*ostiary::inet::HostName::parse("A.Example.Org.")).verdict == Verdict::allow);
  }

  TEST_CASE("a text that is not a name is denied, also under a wildcard") {
    const Policy policy = Policy::compile(rules_of("*.example.org"));
    for (const char* name : {".example.org", "..example.org", "a..example.org", "a.example.org.", ".", ".."})
      CHECK_MESSAGE(said(policy, name) == "deny", name);
    std::string deep;
    for (int i = 0; i < 120; ++i) deep += "a.";
    CHECK(said(policy, deep + "example.org") == "tcp/443t");
    CHECK(said(policy, deep + deep + "example.org") == "deny");
  }

  TEST_CASE("all rules that match a name add up") {
    std::vector<Rule> rules = rules_of(
        "a.b.example.com:22,*.b.example.com:443-450,*.example.com:446-460,*.example.com:53/"
        "udp,other.example.com:1");
    rules[1].answers = Answers::private_too;
    CHECK(rules[2].types.add("TXT"));
    const Policy policy = Policy::compile(rules);
    CHECK(said(policy, "a.b.example.com") == "tcp/22 tcp/443!t tcp/444-450! tcp/451-460 udp/53");
    CHECK(said(policy, "x.b.example.com") == "tcp/443!t tcp/444-450! tcp/451-460 udp/53");
    CHECK(said(policy, "b.example.com") == "tcp/446-460 udp/53");
    CHECK(said(policy, "other.example.com") == "tcp/1 tcp/446-460 udp/53");
    CHECK(policy.decide("a.b.example.com").types.contains(16));
  }

  TEST_CASE("one rule can open both transports") {
    CHECK(said(Policy::compile(rules_of("a.example:443/both")), "a.example") == "tcp/443t udp/443");
  }

  TEST_CASE("lists each host to resolve once, in the order of the rules") {
    std::vector<Rule> rules = rules_of("b.example,*.c.example,a.example,b.example:22,192.0.2.1");
    rules[3].need = Need::required;
    const Policy policy = Policy::compile(rules);
    const auto hosts = policy.plain_hosts();
    REQUIRE(hosts.size() == 2);
    CHECK(hosts[0].name.text() == "b.example");
    CHECK(hosts[0].need == Need::required);
    CHECK(hosts[0].grants.size() == 2);
    CHECK(hosts[1].name.text() == "a.example");
    CHECK(hosts[1].need == Need::optional);
  }

  TEST_CASE("lists each network once, with all its ports") {
    const Policy policy = Policy::compile(rules_of("10.1.0.0/16:22,[2001:db8::1],10.1.0.0/16:5432/both"));
    const auto grants = policy.static_grants();
    REQUIRE(grants.size() == 2);
    CHECK(grants[0].prefix.text() == "10.1.0.0/16");
    CHECK(grants[0].grants.size() == 3);
    CHECK(grants[1].prefix.text() == "2001:db8::1/128");
  }

  TEST_CASE("decisions stay valid when the policy object is moved") {
    Policy policy = Policy::compile(rules_of("a.example"));
    const Decision decision = policy.decide("a.example");
    const Policy moved = std::move(policy);
    CHECK(decision.grants.data() == moved.decide("a.example").grants.data());
  }

  TEST_CASE("gives the same result as a check of every rule") {
    std::vector<Rule> rules;
    std::vector<std::string> names;
    uint32_t random = 1;
    const auto label = [&] {
      random = random * 1664525 + 1013904223;
      return std::string(1, static_cast<char>('a' + (random >> 24U) % 4));
    };
    for (int i = 0; i < 400; ++i) {
      std::string name = label() + "." + label();
      for (int depth = i % 4; depth > 0; --depth) name = label() + "." + name;
      names.push_back(name);
      if (i % 5 == 0) {
        const std::string rule = (i % 2 == 0 ? "*." : "") + name + ":" + std::to_string(1 + i);
        rules.push_back(parse_entry(rule, "test", variables())->front());
      }
    }
    const Policy policy = Policy::compile(rules);
    for (const std::string& name : names) {
      ostiary::inet::PortSet ports;
      for (const Rule& rule : rules)
        if (matches(rule, name)) ports.add(rule.ports);
      ostiary::inet::PortSet granted;
      for (const Grant& grant : policy.decide(name).grants) granted.add(grant.ports);
      CHECK_MESSAGE(granted.text() == ports.text(), name);
      CHECK((policy.decide(name).verdict == Verdict::allow) == !ports.empty());
    }
  }
}
