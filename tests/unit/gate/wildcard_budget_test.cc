#include "ostiary/gate/wildcard_budget.h"

#include <deque>
#include <limits>
#include <random>

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
  TEST_CASE("so many names pass at once, and as many a minute later") {
    WildcardCount count;
    WildcardBudget budget(count);
    CHECK(passed(budget, 1000, start) == limits::wildcard_names_a_window);
    CHECK(passed(budget, 1000, start + limits::wildcard_window - 1ns) == 0);
    CHECK(passed(budget, 1000, start + limits::wildcard_window) == limits::wildcard_names_a_window);
  }

  TEST_CASE("no more pass in any minute, wherever it begins") {
    WildcardCount count;
    WildcardBudget budget(count);
    std::deque<WildcardBudget::Time> sent;
    std::minstd_rand random(1);
    for (auto now = start; now < start + 10min; now += std::chrono::milliseconds(random() % 7000)) {
      for (size_t names = passed(budget, random() % 400, now); names > 0; --names) sent.push_back(now);
      while (!sent.empty() && now - sent.front() >= limits::wildcard_window) sent.pop_front();
      CHECK(sent.size() <= limits::wildcard_names_a_window);
    }
    CHECK(passed(budget, 1000, start + 20min) == limits::wildcard_names_a_window);
  }

  TEST_CASE("a name's place is free again when it was sent a minute ago, one by one") {
    WildcardCount count;
    WildcardBudget budget(count);
    for (size_t i = 0; i < limits::wildcard_names_a_window; ++i)
      CHECK(passed(budget, 1, start + i * 100ms) == 1);
    CHECK(passed(budget, 10, start + limits::wildcard_window - 1ns) == 0);
    CHECK(passed(budget, 10, start + limits::wildcard_window) == 1);
    CHECK(passed(budget, 10, start + limits::wildcard_window + 250ms) == 2);
  }

  TEST_CASE("names pass in the first minute of a machine as well") {
    WildcardCount count;
    WildcardBudget budget(count);
    CHECK(passed(budget, 1000, WildcardBudget::Time{1s}) == limits::wildcard_names_a_window);
    CHECK(passed(budget, 1000, WildcardBudget::Time{2s}) == 0);
  }

  // It moves on before it notes the time: whatever is lost, a place is used once a minute.
  TEST_CASE("a gate that dies in the midst of it opens nothing") {
    WildcardCount count;
    WildcardBudget budget(count);
    CHECK(passed(budget, 250, start) == 250);
    ++count.next;
    CHECK(passed(budget, 1000, start + 1s) <= limits::wildcard_names_a_window - 250);
    count.next = std::numeric_limits<uint64_t>::max();
    CHECK(passed(budget, 1000, start + 2s) <= 1);
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
