#include <algorithm>
#include <map>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "ostiary/plan/print.h"
#include "parsed.h"
#include "plan/made_up.h"

using namespace ostiary;
using namespace ostiary::plan;
using ostiary::gate::Reachability;
using ostiary::net::Reach;
using ostiary::testing::parsed;

namespace {

plan::Gate good_gate(std::map<std::string_view, std::string> flags,
                     const net::Reachable& reach = everywhere) {
  flags.emplace("upstream", "192.0.2.53");
  Plan plan = good_plan({.flags = std::move(flags)}, {}, node, reach);
  REQUIRE(plan.gate);
  return *std::move(plan.gate);
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
        good_gate({{"allow", "192.0.2.7:5432,example.com,198.51.100.0/24:8000-8010"}}).ruleset.addresses;
    REQUIRE(rules.size() == 2);
    CHECK(written(rules[0]) == "192.0.2.7/32 protocol 6 ports 5432-5432");
    CHECK(written(rules[1]) == "198.51.100.0/24 protocol 6 ports 8000-8010");
  }

  TEST_CASE("flows wait in a queue for the gate if a rule asks for a name in TLS") {
    const auto queue = [](std::map<std::string_view, std::string> flags) {
      flags.emplace("no_derive", "true");
      const Gate gate = good_gate(std::move(flags));
      CHECK(gate.setup.name_queue == gate.ruleset.name_queue);
      return gate.setup.name_queue;
    };
    CHECK(queue({{"allow", "a.example"}}) == 5353);
    CHECK(queue({{"allow", "192.0.2.7,*.a.example:8443/tls"}}) == 5353);
    CHECK_FALSE(queue({{"allow", "192.0.2.7,a.example:22,b.example:443/raw"}}));
    CHECK_FALSE(queue({{"allow", "a.example,b.example:8443/tls"}, {"check_names", "off"}}));
  }

  TEST_CASE("without names in TLS each rule opens its ports by the address") {
    const Gate gate = good_gate({{"allow", "a.example,b.example:8443/tls"}, {"check_names", "off"}});
    for (const policy::Rule& rule : gate.setup.rules) CHECK(named_in_tls(rule).empty());
  }

  TEST_CASE("an encrypted hello is refused unless a setting allows it") {
    CHECK(good_gate({}).setup.encrypted_hello == tls::EncryptedHello::refused);
    CHECK(good_gate({{"ech", "allow"}}).setup.encrypted_hello == tls::EncryptedHello::ignored);
  }

  TEST_CASE("container scope holds every user, and user scope one") {
    CHECK_FALSE(good_gate({}).ruleset.only_user);
    const auto ruleset = good_gate({{"scope", "user"}}).ruleset;
    CHECK(ruleset.only_user == node.uid);
    CHECK(ruleset.agent_user == node.uid);
  }

  TEST_CASE("a server that has become an address of this host since the plan was made ends the boot") {
    const Gate gate = good_gate({{"scope", "user"}, {"upstream", "127.0.0.1,192.0.2.53"}});
    CHECK(check_places(gate, scope::user));
    Gate before = gate;
    before.self_test.local_upstreams.clear();
    const auto moved = check_places(before, scope::user);
    REQUIRE_FALSE(moved);
    CHECK(moved.error().exit == Exit::unavailable);
    before = gate;
    before.setup.upstreams.pop_back();
    CHECK_FALSE(check_places(before, scope::user));
  }

  TEST_CASE("the gate gets the rules, the servers and the families that have a route") {
    const auto setup =
        good_gate({{"allow", "example.com"}, {"hold", "90"}}, {.ipv4 = Reach::local, .ipv6 = Reach::none})
            .setup;
    CHECK(std::ranges::any_of(setup.rules,
                              [](const policy::Rule& rule) { return text(rule.subject) == "example.com"; }));
    REQUIRE(setup.upstreams.size() == 1);
    CHECK(text(setup.upstreams[0]) == "192.0.2.53:53");
    CHECK(setup.terms.hold == std::chrono::seconds(90));
    CHECK(setup.terms.ipv4 == Reachability::reachable);
    CHECK(setup.terms.ipv6 == Reachability::unreachable);
  }

  TEST_CASE("the gate, the rules and the self-test agree on the mark, the ports and the addresses") {
    const auto gate = good_gate({{"allow", "192.0.2.7:5432"}, {"allow_socket", "/run/x.sock"}});
    CHECK(gate.ruleset.gate_mark != 0);
    CHECK(gate.setup.mark == gate.ruleset.gate_mark);
    CHECK(gate.setup.log_group == gate.ruleset.log_group);
    CHECK(gate.self_test.gate_mark == gate.ruleset.gate_mark);
    CHECK(gate.self_test.gate_port == gate.ruleset.gate_port);
    CHECK(gate.self_test.permitted == gate.ruleset.addresses);
    CHECK(gate.self_test.allowed_sockets.size() == 1);
    CHECK(gate.self_test.root_only_file == "/run/ostiary/otel.env");
  }

  TEST_CASE("in container scope, a server on this host is not asked, of which the plan warns") {
    const Plan plan = good_plan({.flags = {{"upstream", "127.0.0.53,192.0.2.53"}}});
    CHECK_FALSE(plan.gate->obstacle);
    CHECK(plan.gate->setup.upstreams.size() == 1);
    CHECK(plan.gate->ruleset.closed_resolvers.empty());
    REQUIRE(plan.warnings.size() == 1);
    CHECK(plan.warnings[0].contains("127.0.0.53:53 is on this host"));
    CHECK(plan.warnings[0].ends_with(": it is not asked"));
  }

  TEST_CASE("if no server can be asked, the plan has the error that ends a boot") {
    const Plan plan = good_plan({.flags = {{"upstream", "127.0.0.53"}}});
    REQUIRE(plan.gate->obstacle);
    CHECK(plan.gate->obstacle->exit == Exit::configuration);
    CHECK(plan.gate->obstacle->message.contains("give --upstream the server that 127.0.0.53 itself asks"));
    CHECK(plan.warnings.empty());
  }

  TEST_CASE("in user scope it is asked, and the agent may not serve at its address") {
    const auto gate = good_gate({{"scope", "user"}, {"upstream", "127.0.0.53,127.0.0.1"}});
    CHECK(gate.setup.upstreams.size() == 2);
    REQUIRE(gate.ruleset.closed_resolvers.size() == 1);  // 127.0.0.1 is the gate's own address
    CHECK(gate.ruleset.closed_resolvers[0].text() == "127.0.0.53");
    REQUIRE(gate.self_test.local_upstreams.size() == 2);
    CHECK(text(gate.self_test.local_upstreams[1]) == "127.0.0.1:53");
  }

  TEST_CASE("the routes, which the keeper adds, fill the ruleset's sets and change no rule") {
    const nft::Ruleset planned = good_gate({}).ruleset;
    nft::Ruleset loaded = planned;
    loaded.routes = {{2, *inet::Prefix::parse("0.0.0.0/0")}};
    const auto without_elements = [](const nft::Ruleset& ruleset) {
      auto commands = parsed(nft::commands(ruleset));
      std::erase_if(commands.get_ref<nlohmann::json::array_t&>(),
                    [](const auto& each) { return each.at("add").contains("element"); });
      return commands;
    };
    CHECK(parsed(nft::commands(planned)) != parsed(nft::commands(loaded)));
    CHECK(without_elements(planned) == without_elements(loaded));
  }

  TEST_CASE("what is printed does not depend on the routes") {
    const config::MadeUp container{.flags = {{"upstream", "192.0.2.53"}}};
    const Plan unread = good_plan(container, {}, node, {});
    CHECK(plan_as_json(unread) == plan_as_json(good_plan(container)));
    CHECK(plan_as_text(unread) == plan_as_text(good_plan(container)));
  }
}
