#include "ostiary/plan/gate_plan.h"

#include <algorithm>
#include <map>

#include <doctest/doctest.h>

#include "plan/made_up.h"

using namespace ostiary;
using namespace ostiary::plan;
using ostiary::gate::Reachability;
using ostiary::net::Reach;

namespace {

constexpr net::Reachable everywhere{.ipv4 = Reach::global, .ipv6 = Reach::global};

GatePlan good_gate_plan(std::map<std::string_view, std::string> flags,
                        const net::Reachable& reach = everywhere) {
  flags.emplace("upstream", "192.0.2.53");
  auto gate = make_gate_plan(good_plan({.flags = std::move(flags)}), reach);
  REQUIRE_MESSAGE(gate, error_of(gate));
  return *std::move(gate);
}

std::string written(const nft::AddressRule& rule) {
  return rule.network.text() + "/" + std::to_string(rule.prefix_length) + " protocol " +
         std::to_string(rule.protocol) + " ports " + std::to_string(rule.first_port) + "-" +
         std::to_string(rule.last_port);
}

}  // namespace

TEST_SUITE("plan/gate_plan") {
  TEST_CASE("only addresses and networks of the policy are in the ruleset, with their ports and protocols") {
    const auto rules =
        good_gate_plan({{"allow", "192.0.2.7:5432,example.com,198.51.100.0/24:8000-8010"}}).ruleset.addresses;
    REQUIRE(rules.size() == 2);
    CHECK(written(rules[0]) == "192.0.2.7/32 protocol 6 ports 5432-5432");
    CHECK(written(rules[1]) == "198.51.100.0/24 protocol 6 ports 8000-8010");
  }

  TEST_CASE("container scope holds every user, and user scope one") {
    CHECK_FALSE(good_gate_plan({}).ruleset.only_user);
    const auto ruleset = good_gate_plan({{"scope", "user"}}).ruleset;
    CHECK(ruleset.only_user == node.uid);
    CHECK(ruleset.agent_user == node.uid);
  }

  TEST_CASE("the gate gets the rules, the servers and the families that have a route") {
    const auto setup = good_gate_plan({{"allow", "example.com"}, {"hold", "90"}},
                                      {.ipv4 = Reach::local, .ipv6 = Reach::none})
                           .setup;
    CHECK(std::ranges::any_of(setup.rules,
                              [](const policy::Rule& rule) { return text(rule.subject) == "example.com"; }));
    REQUIRE(setup.upstreams.size() == 1);
    CHECK(text(setup.upstreams[0]) == "192.0.2.53:53");
    CHECK(setup.terms.hold == std::chrono::seconds(90));
    CHECK(setup.terms.ipv4 == Reachability::reachable);
    CHECK(setup.terms.ipv6 == Reachability::unreachable);
    CHECK(setup.mark == gate_mark);
  }

  TEST_CASE("in container scope, a server on this host is not asked") {
    const auto gate =
        make_gate_plan(good_plan({.flags = {{"upstream", "127.0.0.53,192.0.2.53"}}}), everywhere);
    REQUIRE(gate);
    CHECK(gate->setup.upstreams.size() == 1);
    CHECK(gate->ruleset.closed_resolvers.empty());
    REQUIRE(gate->not_asked.size() == 1);
    CHECK(gate->not_asked[0].contains("127.0.0.53:53 is on this host"));

    const auto none = make_gate_plan(good_plan({.flags = {{"upstream", "127.0.0.53"}}}), everywhere);
    REQUIRE_FALSE(none);
    CHECK(none.error().message.contains("give --upstream the server that 127.0.0.53 itself asks"));
  }

  TEST_CASE("in user scope it is asked, and the agent may not serve at its address") {
    const auto gate = make_gate_plan(
        good_plan({.flags = {{"scope", "user"}, {"upstream", "127.0.0.53,127.0.0.1"}}}), everywhere);
    REQUIRE(gate);
    CHECK(gate->setup.upstreams.size() == 2);
    REQUIRE(gate->ruleset.closed_resolvers.size() == 1);  // 127.0.0.1 is the gate's own address
    CHECK(gate->ruleset.closed_resolvers[0].text() == "127.0.0.53");
  }
}
