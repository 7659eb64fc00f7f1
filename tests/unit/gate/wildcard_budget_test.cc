#include "gate/wildcard_budget.h"

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

// The number of questions, out of this many, that the budget lets pass.
size_t passed(WildcardBudget& budget, size_t questions, WildcardBudget::Time now) {
  size_t passed = 0;
  for (size_t i = 0; i < questions; ++i)
    passed += budget.spend(now) == WildcardBudget::Spent::a_question ? 1 : 0;
  return passed;
}

}  // namespace

TEST_SUITE("gate/wildcard_budget") {
  TEST_CASE("the full budget passes at once, and again a minute later") {
    WildcardCount count;
    WildcardBudget budget(count);
    CHECK(passed(budget, 1000, start) == limits::wildcard_questions_a_window);
    CHECK(passed(budget, 1000, start + limits::wildcard_window - 1ns) == 0);
    CHECK(passed(budget, 1000, start + limits::wildcard_window) == limits::wildcard_questions_a_window);
  }

  TEST_CASE("no minute exceeds the budget, wherever it begins") {
    WildcardCount count;
    WildcardBudget budget(count);
    std::deque<WildcardBudget::Time> sent;
    std::minstd_rand random(1);
    for (auto now = start; now < start + 10min; now += std::chrono::milliseconds(random() % 7000)) {
      for (size_t more = passed(budget, random() % 400, now); more > 0; --more) sent.push_back(now);
      while (!sent.empty() && now - sent.front() >= limits::wildcard_window) sent.pop_front();
      CHECK(sent.size() <= limits::wildcard_questions_a_window);
    }
    CHECK(passed(budget, 1000, start + 20min) == limits::wildcard_questions_a_window);
  }

  TEST_CASE("each place is free again one minute after its question was sent") {
    WildcardCount count;
    WildcardBudget budget(count);
    for (size_t i = 0; i < limits::wildcard_questions_a_window; ++i)
      CHECK(passed(budget, 1, start + i * 100ms) == 1);
    CHECK(passed(budget, 10, start + limits::wildcard_window - 1ns) == 0);
    CHECK(passed(budget, 10, start + limits::wildcard_window) == 1);
    CHECK(passed(budget, 10, start + limits::wildcard_window + 250ms) == 2);
  }

  TEST_CASE("questions pass in the first minute after the machine's start") {
    WildcardCount count;
    WildcardBudget budget(count);
    CHECK(passed(budget, 1000, WildcardBudget::Time{1s}) == limits::wildcard_questions_a_window);
    CHECK(passed(budget, 1000, WildcardBudget::Time{2s}) == 0);
  }

  // It advances before it records the time: if it is interrupted, a place is lost, and never used
  // twice in a minute.
  TEST_CASE("a gate that dies during an update does not increase the budget") {
    WildcardCount count;
    WildcardBudget budget(count);
    CHECK(passed(budget, 250, start) == 250);
    ++count.next;
    CHECK(passed(budget, 1000, start + 1s) <= limits::wildcard_questions_a_window - 250);
    count.next = std::numeric_limits<uint64_t>::max();
    CHECK(passed(budget, 1000, start + 2s) <= 1);
  }

  TEST_CASE("the next process has what the last one left, however that ended") {
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
    CHECK(passed(budget, 1000, start + 1s) == limits::wildcard_questions_a_window - 250);
  }

  TEST_CASE("a process that has the page cannot shrink it") {
    auto page = SharedPage<WildcardCount>::create("test");
    REQUIRE(page);
    CHECK(::ftruncate(page->fd(), 0) != 0);
    CHECK(::ftruncate(page->fd(), 1 << 20) != 0);
  }
}
