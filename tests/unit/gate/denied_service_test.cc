// The service with the real kernel's log.
#include "gate/denied_service.h"

#include <doctest/doctest.h>

#include "fakes.h"
#include "net/hosts.h"
#include "nft/client.h"

using namespace ostiary;
using namespace ostiary::gate;
using namespace ostiary::gate::testing;
using namespace ostiary::test;

namespace {

constexpr uint16_t group = 5;
constexpr const char* address = "198.51.100.1";

nft::DeniedLog open_log() {
  REQUIRE(apply({.gate_mark = gate_mark, .gate_port = 5300, .log_group = group}, nft::Existing::replace));
  auto log = nft::DeniedLog::open(group);
  REQUIRE(log);
  return *std::move(log);
}

// An agent whose packets to `address` the rules deny.
struct Confined {
  void deny(uint16_t port) const { CHECK(udp_error(address, port) != 0); }
  // Handles events until there is a new denial. Only a test that fails waits this long.
  void turn() {
    const std::string before = audited();
    const auto end = std::chrono::steady_clock::now() + 2s;
    while (audited() == before && std::chrono::steady_clock::now() < end) REQUIRE(loop->turn(1s));
  }
  // "port by actor" of each denial so far.
  // The kernel sends packets of its own, which are denied too.
  std::vector<json> denials() {
    std::vector<json> all = gate.audited("deny");
    std::erase_if(all, [](const json& event) { return event.value("address", "") != address; });
    return all;
  }
  json denial() { return denials().back(); }
  std::string audited() {
    std::string all;
    for (const json& event : denials())
      all += (all.empty() ? "" : ", ") + std::to_string(event["port"].get<int>()) + " by " +
             event.value("by", "agent");
    return all;
  }

  const Wire wire;
  const On on{wire.inside};
  TestGate gate{{rule("a.example")}};
  const std::unique_ptr<event::Loop> loop = event::Loop::create([this] { return gate.now; }).value();
  nft::DeniedLog log = open_log();
  DeniedService service{*loop, log, gate.ledger, gate.recorder};
};

}  // namespace

TEST_SUITE("gate/denied_service") {
  TEST_CASE("the self-test has caused what is denied until its end, and the agent what is denied later") {
    if (!can_make_hosts_as_real_root()) return;
    Confined confined;
    REQUIRE(confined.service.start(InitialSets::empty));
    confined.deny(1);
    confined.turn();
    CHECK(confined.audited() == "1 by self-test");
    confined.deny(2);  // still unread
    REQUIRE(confined.service.end_self_test());
    CHECK(confined.audited() == "1 by self-test, 2 by self-test");
    confined.deny(3);
    confined.turn();
    CHECK(confined.audited() == "1 by self-test, 2 by self-test, 3 by agent");
  }

  TEST_CASE("beside an agent, it has caused all denials") {
    if (!can_make_hosts_as_real_root()) return;
    Confined confined;
    REQUIRE(confined.service.start(InitialSets::continued));
    confined.deny(1);
    confined.turn();
    CHECK(confined.audited() == "1 by agent");
  }

  TEST_CASE("a denial has the name that last resolved to its address") {
    if (!can_make_hosts_as_real_root()) return;
    Confined confined;
    REQUIRE(confined.service.start(InitialSets::continued));
    confined.gate.ask("a.example");
    confined.gate.upstream.answer({address_record(address)});
    confined.deny(80);
    confined.turn();
    REQUIRE(confined.audited() == "80 by agent");
    CHECK(confined.denial()["name"] == "a.example");
  }

  TEST_CASE("denials that the kernel still holds at the end are recorded") {
    if (!can_make_hosts_as_real_root()) return;
    Confined confined;
    REQUIRE(confined.service.start(InitialSets::continued));
    for (uint16_t port = 1; port <= 3; ++port) confined.deny(port);
    REQUIRE(confined.service.end());
    CHECK(confined.audited() == "1 by agent, 2 by agent, 3 by agent");
  }
}
