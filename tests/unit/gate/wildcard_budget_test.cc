#include "ostiary/gate/wildcard_budget.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ostiary/base/shared_page.h"

using namespace ostiary;
using namespace ostiary::gate;
using namespace std::chrono_literals;

namespace {

constexpr WildcardBudget::Time start{24h};

// How many of so many names it lets pass.
size_t passed(WildcardBudget& budget, size_t names, WildcardBudget::Time now) {
  size_t passed = 0;
  for (size_t i = 0; i < names; ++i) passed += budget.spend(now) == WildcardBudget::Spent::a_name ? 1 : 0;
  return passed;
}

}  // namespace

TEST_SUITE("gate/wildcard_budget") {
  TEST_CASE("so many names pass in a window, and as many in the next") {
    WildcardCount count;
    WildcardBudget budget(count);
    CHECK(passed(budget, 1000, start) == limits::wildcard_names_a_window);
    CHECK(passed(budget, 1000, start + limits::wildcard_window - 1ns) == 0);
    CHECK(passed(budget, 1000, start + limits::wildcard_window) == limits::wildcard_names_a_window);
  }

  TEST_CASE("what one process spent is spent for the next one, however it ended") {
    auto page = SharedPage<WildcardCount>::create("test");
    REQUIRE(page);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      auto its = SharedPage<WildcardCount>::attach(UniqueFd(::dup(page->fd())), "test");
      WildcardBudget budget(**its);
      passed(budget, 250, start);
      ::kill(::getpid(), SIGKILL);
    }
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    WildcardBudget budget(**page);
    CHECK(passed(budget, 1000, start + 1s) == limits::wildcard_names_a_window - 250);
  }

  TEST_CASE("nobody who has the page can make it smaller") {
    auto page = SharedPage<WildcardCount>::create("test");
    REQUIRE(page);
    CHECK(::ftruncate(page->fd(), 0) != 0);
    CHECK(::ftruncate(page->fd(), 1 << 20) != 0);
  }
}
