#include "ostiary/keeper/spawn.h"

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
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

event::Signals no_requests() {
  auto none = event::Signals::only({});
  REQUIRE(none);
  return *std::move(none);
}

Result<std::string> ask(Result<std::string> (*work)(const void*), std::chrono::milliseconds limit = 5s) {
  return ask_confined(nobody, limit, work, nullptr);
}

// In the child of every fork: kills the parent, and continues when the parent is gone.
void kill_parent() {
  const pid_t parent = ::getppid();
  ::kill(parent, SIGKILL);
  while (::getppid() == parent) ::usleep(100);
}

// The output on standard output if a keeper runs `work` and is killed between its fork and any
// action of the child.
std::string said_by_orphan_of(void (*work)()) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t keeper = ::fork();
  if (keeper == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    ::pthread_atfork(nullptr, nullptr, kill_parent);
    work();
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string said;
  std::array<char, 64> block{};
  for (ssize_t got = 0; (got = ::read(ends[0], block.data(), block.size())) > 0;)
    said.append(block.data(), static_cast<size_t>(got));
  ::close(ends[0]);
  ::waitpid(keeper, nullptr, 0);
  return said;
}

}  // namespace

TEST_SUITE("keeper/spawn") {
  TEST_CASE("a confined process does not outlive its keeper, even one killed right after the fork") {
    if (!can_confine()) return;
    static const std::vector<std::string> environment{"PATH=/usr/bin:/bin"};
    CHECK(said_by_orphan_of([] {
            (void)spawn(nobody,
                        {.arguments = {"echo", "alive"}, .environment = environment, .directory = "/"},
                        Terminal::find());
          }) == "");
    CHECK(said_by_orphan_of([] {
            (void)run_confined(
                nobody, 5s, no_requests(),
                [](const void*) -> Result<> {
                  (void)!::write(STDOUT_FILENO, "alive", 5);
                  return {};
                },
                nullptr);
          }) == "");
  }

  TEST_CASE("the complete output of a confined child is returned, from none to a lot") {
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
    CHECK(more.error().message.contains("longer than"));
  }

  TEST_CASE("an error in the child is returned") {
    if (!can_confine()) return;
    const auto failed = ask([](const void*) -> Result<std::string> { return fail(Exit::not_found, "gone"); });
    REQUIRE_FALSE(failed);
    CHECK(failed.error().exit == Exit::not_found);
    CHECK(failed.error().message == "gone");
  }

  TEST_CASE("a child that ends without output is an error") {
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

  TEST_CASE("a child that hangs is killed at its time limit") {
    if (!can_confine()) return;
    const auto start = std::chrono::steady_clock::now();
    const auto hung = ask(
        [](const void*) -> Result<std::string> {
          for (;;) ::pause();
        },
        30ms);
    REQUIRE_FALSE(hung);
    CHECK(hung.error().exit == Exit::unavailable);
    CHECK(hung.error().message == "a confined child process did not end within 30 ms");
    CHECK(std::chrono::steady_clock::now() - start < 2s);
  }

  TEST_CASE("a child that is stopped is killed at its time limit") {
    if (!can_confine()) return;
    const auto stopped = run_confined(
        nobody, 30ms, no_requests(),
        [](const void*) -> Result<> {
          ::raise(SIGSTOP);
          return {};
        },
        nullptr);
    REQUIRE_FALSE(stopped);
    CHECK(stopped.error().message.contains("30 ms"));
  }

  TEST_CASE("a request interrupts the wait for a child, which is killed, and stays pending") {
    if (!can_confine()) return;
    sigset_t usr1;
    sigset_t before;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    REQUIRE(::sigprocmask(SIG_BLOCK, &usr1, &before) == 0);
    auto requests = event::Signals::only({SIGUSR1});
    REQUIRE(requests);
    REQUIRE(::raise(SIGUSR1) == 0);
    const auto interrupted = run_confined(
        nobody, 60s, *requests,
        [](const void*) -> Result<> {
          for (;;) ::pause();
        },
        nullptr);
    REQUIRE(interrupted);
    CHECK(*interrupted == Completion::interrupted);
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
    const auto request = requests->next(std::chrono::steady_clock::now());
    REQUIRE(request);
    REQUIRE(*request);
    CHECK((*request)->number == SIGUSR1);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
  }

  TEST_CASE("without a request the child's work is complete") {
    if (!can_confine()) return;
    const auto done =
        run_confined(nobody, 5s, no_requests(), [](const void*) -> Result<> { return {}; }, nullptr);
    REQUIRE(done);
    CHECK(*done == Completion::done);
  }
}
