#include "ostiary/plan/gate_plan.h"

#include <algorithm>
#include <map>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "parsed.h"
#include "plan/made_up.h"

using namespace ostiary;
using namespace ostiary::plan;
using ostiary::gate::Reachability;
using ostiary::net::Reach;
using ostiary::testing::parsed;

namespace {

constexpr net::Reachable everywhere{.ipv4 = Reach::global, .ipv6 = Reach::global};
const net::RoutingTable routed{.reach = everywhere};

GatePlan good_gate_plan(std::map<std::string_view, std::string> flags,
                        const net::Reachable& reach = everywhere) {
  flags.emplace("upstream", "192.0.2.53");
  auto gate = make_gate_plan(good_plan({.flags = std::move(flags)}), {.reach = reach});
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
    const auto gate = make_gate_plan(good_plan({.flags = {{"upstream", "127.0.0.53,192.0.2.53"}}}), routed);
    REQUIRE(gate);
    CHECK(gate->setup.upstreams.size() == 1);
    CHECK(gate->ruleset.closed_resolvers.empty());
    REQUIRE(gate->not_asked.size() == 1);
    CHECK(gate->not_asked[0].contains("127.0.0.53:53 is on this host"));

    const auto none = make_gate_plan(good_plan({.flags = {{"upstream", "127.0.0.53"}}}), routed);
    REQUIRE_FALSE(none);
    CHECK(none.error().message.contains("give --upstream the server that 127.0.0.53 itself asks"));
  }

  TEST_CASE("in user scope it is asked, and the agent may not serve at its address") {
    const auto gate = make_gate_plan(
        good_plan({.flags = {{"scope", "user"}, {"upstream", "127.0.0.53,127.0.0.1"}}}), routed);
    REQUIRE(gate);
    CHECK(gate->setup.upstreams.size() == 2);
    REQUIRE(gate->ruleset.closed_resolvers.size() == 1);  // 127.0.0.1 is the gate's own address
    CHECK(gate->ruleset.closed_resolvers[0].text() == "127.0.0.53");
    REQUIRE(gate->local_upstreams.size() == 2);
    CHECK(text(gate->local_upstreams[1]) == "127.0.0.1:53");
  }

  TEST_CASE("the routes fill the ruleset's sets and change no rule") {
    const Plan plan = good_plan({.flags = {{"upstream", "192.0.2.53"}}});
    const auto unread = make_gate_plan(plan, {});
    const auto read = make_gate_plan(plan, {.networks = {{2, *inet::Prefix::parse("0.0.0.0/0")}}});
    REQUIRE(unread);
    REQUIRE(read);
    const auto without_elements = [](const nft::Ruleset& ruleset) {
      auto commands = parsed(nft::commands(ruleset));
      std::erase_if(commands.get_ref<nlohmann::json::array_t&>(),
                    [](const auto& each) { return each.at("add").contains("element"); });
      return commands;
    };
    CHECK(parsed(nft::commands(unread->ruleset)) != parsed(nft::commands(read->ruleset)));
    CHECK(without_elements(unread->ruleset) == without_elements(read->ruleset));
  }
}
