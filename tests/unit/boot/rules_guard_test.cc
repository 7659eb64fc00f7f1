#include "boot/rules_guard.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "outcome.h"

using namespace ostiary;
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
}
