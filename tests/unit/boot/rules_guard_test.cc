#include "boot/rules_guard.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "net/hosts.h"
#include "nft/libnftables.h"
#include "ostiary/nft/earlier.h"
#include "outcome.h"

using namespace ostiary;
using namespace ostiary::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* unsupported = "nftables: Could not process rule: Operation not supported";

// Loads that give these reasons to fail; empty: they succeed.
struct Loads {
  std::vector<std::string> reasons;
  std::vector<nft::Zones> tried = {};

  Result<nft::Zones> load() {
    return boot::load_with_zones_if_supported([this](nft::Zones zones) -> Result<> {
      tried.push_back(zones);
      REQUIRE(tried.size() <= reasons.size());
      const std::string& reason = reasons[tried.size() - 1];
      return reason.empty() ? Result<>{} : fail(Exit::unavailable, reason);
    });
  }
};

// A guard whose rules are in the kernel, in the network of the thread.
boot::RulesGuard guard() {
  auto routes = net::RouteWatch::open();
  REQUIRE(routes);
  nft::Ruleset ruleset{.gate_mark = 0x6f73, .gate_port = 5300, .log_group = 5};
  ruleset.routes = net::read_routed_networks().value();
  auto loaded = boot::RulesGuard::deny_everything(std::move(ruleset), std::move(*routes),
                                                  nft::Lifetime::may_outlive_the_keeper);
  if (!loaded) FAIL(loaded.error().message);
  return std::move(*loaded);
}

void change_by_another_process(const std::string& command) {
  const auto changed = nft::run_commands(command, 0);
  if (!changed) FAIL(changed.error().message);
}

}  // namespace

TEST_SUITE("boot/rules_guard") {
  TEST_CASE("the rules may be changed sixteen times in a minute, and the seventeenth is too many") {
    constexpr keeper::RecentEvents::Time start{24h};
    keeper::RecentEvents repairs(boot::max_repairs);
    for (int i = 0; i < 16; ++i) repairs.note(start);
    CHECK_FALSE(repairs.too_many());
    repairs.note(start);
    CHECK(repairs.too_many());
  }

  TEST_CASE("rules are loaded without zones if the kernel does not support them, and only then") {
    Loads with{{""}};
    CHECK(with.load() == nft::Zones::supported);
    Loads without{{unsupported, ""}};
    CHECK(without.load() == nft::Zones::unsupported);
    CHECK(without.tried == std::vector{nft::Zones::supported, nft::Zones::unsupported});
    Loads busy{{"nftables: Could not process rule: Device or resource busy", ""}};
    CHECK(error_of(busy.load()) == busy.reasons[0]);
    CHECK(busy.tried == std::vector{nft::Zones::supported});
  }

  TEST_CASE("rules that do not load without zones either fail for the reason that remains") {
    Loads busy{{unsupported, "nftables: Could not process rule: Device or resource busy"}};
    CHECK(error_of(busy.load()) == busy.reasons[1]);
  }

  TEST_CASE("a batch of changes is repaired once, counts once, and each change is reported") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const On on(wire.inside);
    boot::RulesGuard rules = guard();
    constexpr boot::RulesGuard::Time now{24h};
    int restored = 0;
    for (size_t i = 0; i < boot::max_repairs; ++i) {
      for (const char* name : {"one", "two"})
        change_by_another_process(std::string("add chain inet ostiary ") + name);
      const auto repairs = rules.look(now, [&restored] { ++restored; });
      REQUIRE(repairs);
      CHECK(repairs->size() == 2);
      for (const auto& repair : *repairs) CHECK(repair.outcome);
    }
    CHECK(restored == boot::max_repairs);
    change_by_another_process("add chain inet ostiary one");
    const auto repairs = rules.look(now, [] {});
    REQUIRE(repairs);
    REQUIRE(repairs->size() == 1);
    CHECK(error_of(repairs->front().outcome) == "another process keeps changing the rules");
  }

  TEST_CASE("the note of a session that is deleted before the guard read it is put back") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const On on(wire.inside);
    boot::RulesGuard rules = guard();
    REQUIRE(nft::mark_joined());
    change_by_another_process("delete chain inet ostiary joined");
    SUBCASE("at the next repair") {
      REQUIRE(rules.look(boot::RulesGuard::Time{24h}, [] {}));
    }
    SUBCASE("at the end") {
      CHECK(rules.were_joined() == true);
    }
    CHECK(nft::was_joined() == true);
  }
}
