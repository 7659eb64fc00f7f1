#include "ostiary/keeper/supervisor.h"

#include <array>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ostiary/keeper/channel.h"
#include "ostiary/keeper/inherited.h"

using namespace ostiary;
using namespace ostiary::keeper;

namespace {

// ---- two helpers beside an agent

Result<int> serve_until_the_channel_ends() {
  auto inherited = TRY(Inherited::receive("test", {Inherited::channel}));
  const UniqueFd channel = inherited.take(Inherited::channel);
  TRY(send_to_keeper(channel.get(), "here"));
  while (TRY(receive(channel.get()))) {
  }
  return 0;
}

Result<int> greet_and_end() {
  auto inherited = TRY(Inherited::receive("test", {Inherited::channel}));
  TRY(send_to_keeper(inherited.take(Inherited::channel).get(), "here"));
  return 0;
}

// After these a test asks the supervisor to end.
constexpr int enough_restarts = 2;

// A helper, and what it has done.
struct Logged {
  Logged(Result<int> (*run)(), size_t max_deaths)
      : helper({.name = "test",
                .process_name = "ostiary-test",
                .user = 0,
                .profile = confine::HelperProfile::gate,
                .max_deaths = max_deaths,
                .while_absent = "it waits"},
               {.run = run}, {.first = StartMode::fork, .later = StartMode::fork},
               {.prepare =
                    [this] {
                      ++starts;
                      return Start{};
                    },
                .on_message = [this](std::string_view message) -> Result<> {
                  messages += message;
                  helper.begin();
                  return {};
                }},
               {.on_begun =
                    [this](pid_t, size_t recent_deaths) {
                      if (recent_deaths > 0 && ++restarts == enough_restarts) ::kill(::getpid(), SIGTERM);
                    },
                .on_death = [this](pid_t, int) { ++deaths; },
                .on_failed_restart = [this](const Error&) { ++deaths; }}) {}
  Logged(const Logged&) = delete;
  Logged& operator=(const Logged&) = delete;

  std::string text() const {
    return std::to_string(starts) + " starts, " + std::to_string(deaths) + " deaths, " +
           std::to_string(restarts) + " restarts, says " + messages + "\n";
  }

  int starts = 0;
  int deaths = 0;
  int restarts = 0;
  std::string messages;
  Helper helper;
};

std::string run_agent_beside_two_helpers(size_t max_deaths) {
  const confine::Identity nobody{
      .uid = 65534, .gid = 65534, .groups = {65534}, .name = "nobody", .home = "/", .shell = "/bin/sh"};
  const std::vector<std::string> environment{"PATH=/usr/bin:/bin"};
  Logged first(greet_and_end, max_deaths);
  Logged second(serve_until_the_channel_ends, max_deaths);
  auto supervisor = Supervisor::create();
  if (!supervisor || !first.helper.start() || !second.helper.start()) return "not started";
  const pid_t second_process = second.helper.process();
  supervisor->add(first.helper);
  supervisor->add(second.helper);
  const auto outcome =
      supervisor->run(nobody, {.arguments = {"sleep", "30"}, .environment = environment, .directory = "/"},
                      {.grace = std::chrono::seconds(1), .time_limit = {}});
  if (!outcome) return outcome.error().message;
  if (!supervisor->ask_descendants_to_end()) return "not asked to end";
  std::string said = first.deaths >= enough_restarts && first.restarts == enough_restarts
                         ? "the first restarts, "
                         : first.text();
  said +=
      second.helper.process() == second_process && second.deaths == 0 ? "the second stays" : second.text();
  if (second.messages.empty())  // the machine is busy
    if (const auto late = second.helper.receive(std::chrono::seconds(2)); late && *late)
      second.messages = **late;
  said += " and says " + second.messages;
  supervisor->stop_serving();
  first.helper.end();
  second.helper.end();
  const auto left = supervisor->kill_descendants();
  return said + (left && *left == Children::none ? "" : ", and some are left");
}

// What the watch finds is an error, so the agent, which would say so, must not start.
std::string run_agent_after_a_change(size_t) {
  const confine::Identity nobody{
      .uid = 65534, .gid = 65534, .groups = {65534}, .name = "nobody", .home = "/", .shell = "/bin/sh"};
  const std::vector<std::string> environment{"PATH=/usr/bin:/bin"};
  std::array<int, 2> change{};
  auto supervisor = Supervisor::create();
  if (!supervisor || ::pipe(change.data()) != 0 || ::write(change[1], "x", 1) != 1) return "not started";
  supervisor->watch({change[0]}, [] { return fail(Exit::unavailable, "the change was served"); });
  const std::string mark = "/tmp/ostiary-started-" + std::to_string(::getpid());
  const auto outcome =
      supervisor->run(nobody, {.arguments = {"touch", mark}, .environment = environment, .directory = "/"},
                      {.grace = std::chrono::seconds(1), .time_limit = {}});
  const bool started = ::unlink(mark.c_str()) == 0;
  return (outcome ? "the agent ended" : outcome.error().message) + (started ? "" : ", no agent started");
}

// Runs in a child, because a Supervisor changes the signals of its process.
std::string in_child(std::string (*work)(size_t), size_t argument) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    const std::string said = work(argument);
    ::_exit(::write(ends[1], said.data(), said.size()) >= 0 ? 0 : 1);
  }
  ::close(ends[1]);
  std::array<char, 512> said{};
  std::string all;
  for (ssize_t got = 0; (got = ::read(ends[0], said.data(), said.size())) > 0;)
    all.append(said.data(), static_cast<size_t>(got));
  ::close(ends[0]);
  ::waitpid(pid, nullptr, 0);
  return all;
}

}  // namespace

TEST_SUITE("keeper/supervisor") {
  TEST_CASE("a wait status becomes the status a shell would show") {
    CHECK(exit_status(W_EXITCODE(0, 0)) == 0);
    CHECK(exit_status(W_EXITCODE(3, 0)) == 3);
    CHECK(exit_status(W_EXITCODE(255, 0)) == 255);
    CHECK(exit_status(W_EXITCODE(0, SIGKILL)) == 137);
    CHECK(exit_status(W_EXITCODE(0, SIGTERM)) == 143);
    CHECK(exit_status(W_EXITCODE(0, SIGSEGV) | WCOREFLAG) == 139);
  }

  TEST_CASE("what happened before the agent starts is served first") {
    if (::geteuid() != 0) return;
    CHECK(in_child(run_agent_after_a_change, 0) == "the change was served, no agent started");
  }

  TEST_CASE("of two helpers, the one that dies is started again, and the other is left alone") {
    if (::geteuid() != 0) return;
    CHECK(in_child(run_agent_beside_two_helpers, 1000) ==
          "the first restarts, the second stays and says here");
  }

  TEST_CASE("one of two helpers that dies too often ends the agent") {
    if (::geteuid() != 0) return;
    CHECK(in_child(run_agent_beside_two_helpers, 0) == "the test ended 1 times within a minute");
  }
}
