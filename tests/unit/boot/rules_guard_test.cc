#include "boot/rules_guard.h"

#include <doctest/doctest.h>

using namespace ostiary;
using namespace std::chrono_literals;

TEST_SUITE("boot/rules_guard") {
  TEST_CASE("the rules may be changed sixteen times in a minute, and the seventeenth is too many") {
    constexpr keeper::RecentEvents::Time start{24h};
    keeper::RecentEvents repairs(boot::max_repairs);
    for (int i = 0; i < 16; ++i) repairs.note(start);
    CHECK_FALSE(repairs.too_many());
    repairs.note(start);
    CHECK(repairs.too_many());
  }
}
