#include "ostiary/base/processes.h"

#include <algorithm>

#include <doctest/doctest.h>
#include <unistd.h>

#include "few_files.h"
#include "outcome.h"

using namespace ostiary;

namespace {

std::string status(const char* state, int threads, const char* program = "sleep") {
  return std::string("Name:\t") + program + "\nUmask:\t0022\nState:\t" + state +
         "\nTgid:\t17\nPPid:\t5\nUid:\t1000\t1001\t1002\t1003\nGroups:\t27 1000 \nThreads:\t" +
         std::to_string(threads) + "\n";
}

}  // namespace

TEST_SUITE("base/processes") {
  TEST_CASE("a process has a parent, four users and a name") {
    const auto process = parse_live_process(17, status("S (sleeping)", 1, " a: b"));
    REQUIRE(process);
    CHECK(process->id == 17);
    CHECK(process->parent == 5);
    CHECK(process->users == std::array<uid_t, 4>{1000, 1001, 1002, 1003});
    CHECK(process->program == " a: b");
  }

  TEST_CASE("a zombie has ended, unless other threads than its first go on") {
    CHECK_FALSE(parse_live_process(17, status("Z (zombie)", 1)));
    CHECK_FALSE(parse_live_process(17, status("X (dead)", 0)));
    CHECK(parse_live_process(17, status("Z (zombie)", 2)));
  }

  TEST_CASE("a text that lacks a field is no process") {
    const std::string whole = status("S (sleeping)", 1);
    for (size_t size = 0; size < whole.find("Threads:"); ++size)
      CHECK_FALSE(parse_live_process(17, whole.substr(0, size)));
  }

  TEST_CASE("this process is one, and its parent is the parent of this process") {
    const auto processes = live_processes();
    REQUIRE_MESSAGE(processes, error_of(processes));
    const auto own = std::ranges::find(*processes, ::getpid(), &Process::id);
    REQUIRE(own != processes->end());
    CHECK(own->parent == ::getppid());
    CHECK(own->users[1] == ::geteuid());
    CHECK(own->program == "unit_tests");
  }

  TEST_CASE("a process whose file cannot be opened has not ended: the list is an error") {
    const testing::FewFiles only_the_directory(1);
    CHECK_FALSE(live_processes());
  }
}
