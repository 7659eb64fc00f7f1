#include "ostiary/keeper/spawn.h"

#include <chrono>

#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

using namespace ostiary;
using namespace ostiary::keeper;
using namespace std::chrono_literals;

namespace {

const confine::Identity nobody{
    .uid = 65534, .gid = 65534, .groups = {65534}, .name = "nobody", .home = "/", .shell = "/bin/sh"};

bool can_confine() {
  if (::geteuid() == 0) return true;
  MESSAGE("skipped: needs root to confine a process");
  return false;
}

Result<std::string> ask(Result<std::string> (*work)(const void*), std::chrono::milliseconds limit = 5s) {
  return ask_confined(nobody, limit, work, nullptr);
}

}  // namespace

TEST_SUITE("keeper/spawn") {
  TEST_CASE("what a confined child says comes back whole, be it nothing or a lot") {
    if (!can_confine()) return;
    const auto id = ask([](const void*) -> Result<std::string> { return std::to_string(::geteuid()); });
    REQUIRE(id);
    CHECK(*id == "65534");
    const auto nothing = ask([](const void*) -> Result<std::string> { return ""; });
    REQUIRE(nothing);
    CHECK(nothing->empty());
    const auto most =
        ask([](const void*) -> Result<std::string> { return std::string(keeper::limits::reply, '\0'); });
    REQUIRE(most);
    CHECK(most->size() == keeper::limits::reply);
    const auto more =
        ask([](const void*) -> Result<std::string> { return std::string(keeper::limits::reply + 1, 'x'); });
    REQUIRE_FALSE(more);
    CHECK(more.error().message.contains("too much"));
  }

  TEST_CASE("what goes wrong in the child comes back as its error") {
    if (!can_confine()) return;
    const auto failed = ask([](const void*) -> Result<std::string> { return fail(Exit::not_found, "gone"); });
    REQUIRE_FALSE(failed);
    CHECK(failed.error().exit == Exit::not_found);
    CHECK(failed.error().message == "gone");
  }

  TEST_CASE("a child that says nothing and ends is an error") {
    if (!can_confine()) return;
    const auto quiet = ask([](const void*) -> Result<std::string> { ::_exit(0); });
    CHECK_FALSE(quiet);
    const auto killed = ask([](const void*) -> Result<std::string> {
      ::raise(SIGKILL);
      return "";
    });
    REQUIRE_FALSE(killed);
    CHECK(killed.error().exit == Exit::unavailable);
  }

  TEST_CASE("a child that hangs is killed when its time is up") {
    if (!can_confine()) return;
    const auto start = std::chrono::steady_clock::now();
    const auto hung = ask(
        [](const void*) -> Result<std::string> {
          for (;;) ::pause();
        },
        100ms);
    REQUIRE_FALSE(hung);
    CHECK(hung.error().exit == Exit::unavailable);
    CHECK(hung.error().message.contains("100 ms"));
    CHECK(std::chrono::steady_clock::now() - start < 2s);
  }
}
