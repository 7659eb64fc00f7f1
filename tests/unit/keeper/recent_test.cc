#include "ostiary/keeper/recent.h"

#include <doctest/doctest.h>

using namespace ostiary::keeper;
using namespace std::chrono_literals;

namespace {

constexpr RecentEvents::Time start{24h};
constexpr size_t max_deaths = 8;

}  // namespace

TEST_SUITE("keeper/recent") {
  TEST_CASE("a helper may die eight times in a minute, and the ninth death is too many") {
    RecentEvents deaths(max_deaths);
    for (size_t death = 1; death <= 8; ++death) {
      deaths.note(start + death * 1s);
      CHECK(deaths.count() == death);
      CHECK_FALSE(deaths.too_many());
    }
    deaths.note(start + 9s);
    CHECK(deaths.count() == 9);
    CHECK(deaths.too_many());
  }

  TEST_CASE("an event counts for a minute and no longer") {
    RecentEvents deaths(max_deaths);
    deaths.note(start);
    deaths.note(start + 30s);
    deaths.note(start + 60s);
    CHECK(deaths.count() == 3);
    deaths.note(start + 60s + 1ms);
    CHECK(deaths.count() == 3);
    deaths.note(start + 10min);
    CHECK(deaths.count() == 1);
  }

  TEST_CASE("a helper that dies every eight seconds is restarted without end") {
    RecentEvents deaths(max_deaths);
    for (int i = 0; i < 1000; ++i) {
      deaths.note(start + i * 8s);
      CHECK_FALSE(deaths.too_many());
    }
  }

  TEST_CASE("the first restart is immediate, and each further one waits twice as long, up to two seconds") {
    CHECK(pause_before_restart(1) == 0ms);
    CHECK(pause_before_restart(2) == 10ms);
    CHECK(pause_before_restart(3) == 20ms);
    CHECK(pause_before_restart(8) == 640ms);
    CHECK(pause_before_restart(9) == 1280ms);
    for (const size_t deaths : {10U, 20U, 1000U}) CHECK(pause_before_restart(deaths) == 2s);
  }
}
