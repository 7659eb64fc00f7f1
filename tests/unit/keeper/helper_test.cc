// Starts helpers as copies of this process (StartMode::fork), and some from a file of their own. The tests
// pass the time.

#include "ostiary/keeper/helper.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper/launch.h"
#include "ostiary/keeper/channel.h"
#include "ostiary/keeper/inherited.h"
#include "outcome.h"
#include "scratch.h"

using namespace ostiary;
using namespace ostiary::keeper;
using namespace std::chrono_literals;

namespace {

constexpr Helper::Time start{24h};

// The main functions of the helpers.

Result<int> serve_until_the_channel_ends() {
  auto inherited = TRY(Inherited::receive("test", {Inherited::channel}));
  const UniqueFd channel = inherited.take(Inherited::channel);
  while (TRY(receive(channel.get()))) {
  }
  return 0;
}

Result<int> end_at_once() {
  return 3;
}

Result<int> greet() {
  auto inherited = TRY(Inherited::receive("test", {Inherited::channel}));
  TRY(send_to_keeper(inherited.take(Inherited::channel).get(), "here"));
  return 3;
}

std::string contents(const UniqueFd& fd) {
  char octets[16];
  const ssize_t got = ::read(fd.get(), octets, sizeof octets);
  return got < 0 ? "closed" : std::string(octets, static_cast<size_t>(got));
}

// Reports the setup, what it reads from its descriptors, and the number of open ones.
Result<int> report_inheritance() {
  auto inherited = TRY(Inherited::receive("test", {Inherited::channel, "first", "second", "absent"}));
  const UniqueFd channel = inherited.take(Inherited::channel);
  const UniqueFd first = inherited.take("first");
  const UniqueFd second = inherited.take("second");
  int open = 0;
  for (int fd = 3; fd < 1024; ++fd) open += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  std::string said = inherited.setup() + ", first " + contents(first) + ", second " + contents(second);
  said += inherited.take("absent").valid() ? ", absent is there" : "";
  TRY(send_to_keeper(channel.get(), said + ", open " + std::to_string(open)));
  return 0;
}

Result<int> say_twice() {
  auto inherited = TRY(Inherited::receive("test", {Inherited::channel}));
  const UniqueFd channel = inherited.take(Inherited::channel);
  TRY(send_to_keeper(channel.get(), "one"));
  TRY(send_to_keeper(channel.get(), "two"));
  return 0;
}

// A helper, and what its owner hears of it.
struct Owner {
  explicit Owner(Result<int> (*run)(), Start how = {},
                 StartModes modes = {.first = StartMode::fork, .later = StartMode::fork})
      : Owner(Helper::Code{.run = run}, std::move(how), modes) {}
  // A file is executed.
  explicit Owner(UniqueFd file) : Owner(Helper::Code{.file = std::move(file)}, {}, {}) {}
  Owner(Helper::Code code, Start how, StartModes modes)
      : prepared(std::move(how)),
        helper({.name = "test",
                .process_name = "ostiary-test",
                .user = 0,
                .profile = confine::HelperProfile::gate,
                .max_deaths = 2,
                .while_absent = "it waits"},
               std::move(code), modes,
               {.prepare =
                    [this] {
                      return Start{.setup = prepared.setup,
                                   .descriptors = prepared.descriptors,
                                   .owned = std::exchange(prepared.owned, {})};
                    },
                .on_message = [this](std::string_view message) -> Result<> {
                  messages.emplace_back(message);
                  helper.begin();
                  return {};
                }},
               {.on_begun = [this](pid_t, size_t deaths) { begun.push_back(deaths); },
                .on_death = [this](pid_t, int status) { statuses.push_back(status); },
                .on_failed_restart = [this](const Error& why) { failures.push_back(why.message); }}) {}
  ~Owner() { helper.end(); }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;

  // Reaps the helper, as a supervisor does.
  Result<> reap(Helper::Time now) {
    int status = 0;
    REQUIRE(::waitpid(helper.process(), &status, 0) == helper.process());
    return helper.on_end(status, now);
  }

  Start prepared;
  std::vector<std::string> messages;
  std::vector<int> statuses;
  std::vector<std::string> failures;  // to start it again
  std::vector<size_t> begun;          // after how many deaths
  Helper helper;
};

// ---- no process can be forked

Result<> limit_processes(rlim_t most) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NPROC, &limit) != 0) return std::unexpected(Error::system("getrlimit"));
  limit.rlim_cur = std::min(most, limit.rlim_max);
  if (::setrlimit(RLIMIT_NPROC, &limit) != 0) return std::unexpected(Error::system("setrlimit"));
  return {};
}

std::string pause_of(const Helper& helper, Helper::Time since) {
  if (!helper.due()) return "none";
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(*helper.due() - since).count());
}

// What becomes of a helper that dies while no process can be forked: `failing` restarts fail. The
// pauses are in milliseconds.
Result<std::string> restart_without_processes(int failing) {
  Owner owner(serve_until_the_channel_ends);
  TRY(owner.helper.start());
  ::kill(owner.helper.process(), SIGKILL);
  int status = 0;
  ::waitpid(owner.helper.process(), &status, 0);
  TRY(owner.helper.on_end(status, start));
  TRY(limit_processes(0));
  std::string said = "pauses " + pause_of(owner.helper, start);
  for (int failed = 0; failed < failing; ++failed) {
    const Helper::Time now = *owner.helper.due();
    TRY(owner.helper.serve(now));
    said += ", " + pause_of(owner.helper, now);
    if (owner.helper.process() != 0 || owner.helper.fd() != -1) return "it runs";
  }
  for (const std::string& why : owner.failures) said += "; " + why;
  TRY(limit_processes(RLIM_INFINITY));
  TRY(owner.helper.serve(*owner.helper.due()));
  owner.helper.begin();
  return said + "; it is back after " + std::to_string(owner.begun.front()) + " deaths";
}

// Runs in a child, as an ordinary user: the kernel limits the processes of no other.
std::string as_an_ordinary_user(Result<std::string> (*work)(int), int argument) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd read(ends[0]), write(ends[1]);
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    const bool is_ordinary = ::geteuid() != 0 || ::setuid(65534) == 0;
    const auto said = is_ordinary ? work(argument) : fail(Exit::unavailable, "no ordinary user");
    const std::string text = said ? *said : error_of(said);
    ::_exit(::write(write.get(), text.data(), text.size()) >= 0 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  char octets[512];
  const ssize_t got = ::read(read.get(), octets, sizeof octets);
  return got < 0 ? std::string() : std::string(octets, static_cast<size_t>(got));
}

// A pipe from which `text` can be read.
UniqueFd pipe_with(std::string_view text) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  REQUIRE(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  ::close(ends[1]);
  return UniqueFd(ends[0]);
}

}  // namespace

TEST_SUITE("keeper/helper") {
  TEST_CASE("what a helper said before its death is heard") {
    if (::geteuid() != 0) return;
    Owner owner(say_twice);
    REQUIRE(owner.helper.start());
    pollfd readable{.fd = owner.helper.fd(), .events = POLLIN, .revents = 0};
    REQUIRE(::poll(&readable, 1, 5000) == 1);
    REQUIRE(owner.helper.serve(Helper::Time{}));
    REQUIRE(owner.reap(Helper::Time{}));
    CHECK(owner.messages == std::vector<std::string>{"one", "two"});
    CHECK(owner.statuses == std::vector<int>{0});
  }

  TEST_CASE("a helper that ends is started again: at once, then after ever longer pauses") {
    Owner owner(end_at_once);
    REQUIRE(owner.helper.start());
    owner.helper.begin();
    CHECK_FALSE(owner.helper.due());

    REQUIRE(owner.reap(start));
    CHECK(owner.helper.process() == 0);
    CHECK(owner.helper.fd() == -1);
    CHECK(owner.helper.due() == start);
    REQUIRE(owner.helper.serve(start));
    CHECK(owner.helper.process() > 0);
    owner.helper.begin();
    CHECK(owner.begun == std::vector<size_t>{0, 1});

    REQUIRE(owner.reap(start + 1s));
    CHECK(owner.helper.due() == start + 1s + 10ms);
    REQUIRE(owner.helper.serve(start + 1s + 9ms));
    CHECK(owner.helper.process() == 0);
    REQUIRE(owner.helper.serve(start + 1s + 10ms));
    CHECK(owner.helper.process() > 0);
    owner.helper.begin();
    CHECK(owner.begun == std::vector<size_t>{0, 1, 2});
    CHECK(owner.statuses == std::vector<int>(2, W_EXITCODE(3, 0)));
  }

  TEST_CASE("one death too many within a minute is an error, and a death a minute is not") {
    Owner often(end_at_once);
    for (int death = 0; death < 2; ++death) {
      REQUIRE(often.helper.start());
      CHECK(often.reap(start + death * 20s));
    }
    REQUIRE(often.helper.start());
    const auto ended = often.reap(start + 60s);
    CHECK(error_of(ended) == "the test ended 3 times within a minute");
    CHECK(status_of(ended) == 69);

    Owner rarely(end_at_once);
    for (int death = 0; death < 5; ++death) {
      REQUIRE(rarely.helper.start());
      CHECK(rarely.reap(start + death * 61s));
    }
  }

  TEST_CASE("a restart for which no process can be forked counts as a death, and is tried again") {
    CHECK(as_an_ordinary_user(restart_without_processes, 1) ==
          "pauses 0, 10; fork: Resource temporarily unavailable; it is back after 2 deaths");
  }

  TEST_CASE("too many failed restarts are an error, and so is a first start that fails") {
    CHECK(as_an_ordinary_user(restart_without_processes, 2) == "the test ended 3 times within a minute");
    CHECK(as_an_ordinary_user(
              [](int) -> Result<std::string> {
                TRY(limit_processes(0));
                Owner owner(serve_until_the_channel_ends);
                TRY(owner.helper.start());
                return "it started";
              },
              0) == "fork: Resource temporarily unavailable");
  }

  TEST_CASE("a helper that ends before its first message counts as dead, and is not announced") {
    Owner owner(end_at_once);
    REQUIRE(owner.helper.start());
    REQUIRE(owner.reap(start));
    REQUIRE(owner.helper.serve(start));
    CHECK_FALSE(owner.helper.has_begun());
    REQUIRE(owner.reap(start));
    CHECK(owner.begun.empty());
    CHECK(owner.helper.due() == start + 10ms);
  }

  TEST_CASE(
      "a helper that is started again begins with its first message, for which the keeper does not wait") {
    Owner owner(greet);
    REQUIRE(owner.helper.start());
    REQUIRE(owner.reap(start));
    REQUIRE(owner.helper.serve(start));
    CHECK(owner.messages.empty());
    pollfd readable{.fd = owner.helper.fd(), .events = POLLIN, .revents = 0};
    REQUIRE(::poll(&readable, 1, 5000) == 1);
    REQUIRE(owner.helper.serve(start + 4s));
    CHECK(owner.messages == std::vector<std::string>{"here"});
    CHECK(owner.helper.has_begun());
    CHECK(owner.begun == std::vector<size_t>{1});
    CHECK_FALSE(owner.helper.due());
    CHECK(owner.helper.serve(start + 6s));
    REQUIRE(owner.reap(start + 6s));
    CHECK_FALSE(owner.helper.has_begun());
  }

  TEST_CASE("a helper that is started again and does not begin in time is an error") {
    Owner owner(serve_until_the_channel_ends);
    REQUIRE(owner.helper.start());
    REQUIRE(::kill(owner.helper.process(), SIGKILL) == 0);
    REQUIRE(owner.reap(start));
    REQUIRE(owner.helper.serve(start));
    CHECK(owner.helper.due() == start + time_to_begin);
    CHECK(owner.helper.serve(start + time_to_begin - 1ms));
    const auto late = owner.helper.serve(start + time_to_begin);
    CHECK(error_of(late) == "the test did not answer in time");
    CHECK(status_of(late) == 69);
  }

  TEST_CASE("a helper ends when the keeper's end of its channel closes") {
    Owner owner(serve_until_the_channel_ends);
    REQUIRE(owner.helper.start());
    const pid_t pid = owner.helper.process();
    owner.helper.end();
    CHECK(owner.helper.process() == 0);
    CHECK(::kill(pid, 0) != 0);
  }

  TEST_CASE("a helper inherits its setup and the descriptors of its start by name, and no other") {
    const UniqueFd first = pipe_with("one"), second = pipe_with("two"), secret = pipe_with("secret");
    const UniqueFd far{::fcntl(secret.get(), F_DUPFD, 900)};  // not close-on-exec
    Owner owner(report_inheritance,
                {.setup = "the setup",
                 .descriptors = {{"second", second.get()}, {"absent", -1}, {"first", first.get()}}});
    REQUIRE(owner.helper.start());
    const auto said = owner.helper.receive(5s);
    REQUIRE_MESSAGE(said, error_of(said));
    CHECK(said->value_or("it ended") == "the setup, first one, second two, open 3");
  }

  TEST_CASE("a helper without the descriptors that it expects does not begin") {
    const UniqueFd pipe = pipe_with("x");
    for (const auto& given :
         {std::vector<NamedFd>{{"first", pipe.get()}, {"second", pipe.get()}},
          std::vector<NamedFd>{
              {"first", pipe.get()}, {"second", pipe.get()}, {"absent", -1}, {"unknown", pipe.get()}},
          std::vector<NamedFd>{
              {"first", pipe.get()}, {"second", pipe.get()}, {"second", pipe.get()}, {"absent", -1}}}) {
      Owner owner(report_inheritance, {.setup = "", .descriptors = given});
      REQUIRE(owner.helper.start());
      const auto said = owner.helper.receive(5s);
      REQUIRE(said);
      CHECK_FALSE(*said);
      REQUIRE(owner.reap(start));
      CHECK(owner.statuses == std::vector<int>{W_EXITCODE(69, 0)});
    }
  }

  TEST_CASE("descriptors that exist for one start are the helper's alone from then on") {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    const UniqueFd writer(ends[1]);
    REQUIRE(::send(writer.get(), "one", 3, MSG_NOSIGNAL) == 3);
    Start start_once{.setup = "s", .descriptors = {{"first", ends[0]}, {"second", -1}, {"absent", -1}}};
    start_once.owned.emplace_back(ends[0]);
    Owner owner(report_inheritance, std::move(start_once));
    REQUIRE(owner.helper.start());
    CHECK(::fcntl(ends[0], F_GETFD) < 0);
    const auto said = owner.helper.receive(5s);
    REQUIRE_MESSAGE(said, error_of(said));
    CHECK(said->value_or("it ended") == "s, first one, second closed, open 2");
    REQUIRE(owner.reap(start));
    CHECK(::send(writer.get(), "two", 3, MSG_NOSIGNAL) < 0);
    CHECK(errno == EPIPE);
  }

  TEST_CASE("a helper with a file of its own is that file, though the path now leads to another") {
    const testing::Scratch scratch;
    const std::string path = scratch.path("program");
    for (const auto& [program, other, status] :
         {std::tuple{"/bin/true", "/bin/false", 0}, std::tuple{"/bin/false", "/bin/true", 1}}) {
      std::filesystem::copy_file(program, path, std::filesystem::copy_options::overwrite_existing);
      Owner owner(UniqueFd{::open(path.c_str(), O_PATH | O_CLOEXEC)});
      for (int time = 0; time < 2; ++time) {
        REQUIRE(owner.helper.start());
        REQUIRE(owner.reap(start));
        std::filesystem::copy_file(other, scratch.path("other"),
                                   std::filesystem::copy_options::overwrite_existing);
        std::filesystem::rename(scratch.path("other"), path);
      }
      CHECK(owner.statuses == std::vector<int>(2, W_EXITCODE(status, 0)));
      std::filesystem::remove(path);
    }
  }

  TEST_CASE("a file that cannot be executed ends the helper's process with 126") {
    const testing::Scratch scratch;
    testing::write(scratch.path("program"), "no program");
    Owner owner(UniqueFd{::open(scratch.path("program").c_str(), O_PATH | O_CLOEXEC)});
    REQUIRE(owner.helper.start());
    REQUIRE(owner.reap(start));
    CHECK(owner.statuses == std::vector<int>{W_EXITCODE(126, 0)});
  }

  TEST_CASE("a helper that may not start again ends the agent when it ends") {
    Owner owner(end_at_once, {}, {.first = StartMode::fork, .later = StartMode::never});
    REQUIRE(owner.helper.start());
    owner.helper.begin();
    const auto ended = owner.reap(start);
    CHECK(error_of(ended) == "the test ended, and beside a root agent it cannot be started again");
    CHECK(status_of(ended) == 69);
    CHECK(owner.statuses == std::vector<int>{W_EXITCODE(3, 0)});
    CHECK_FALSE(owner.helper.due());
  }

  TEST_CASE("a process that the keeper has not started says so") {
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      ::close(start_record_fd);
      ::_exit(status_of(Inherited::receive("test", {Inherited::channel})));
    }
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    CHECK(WEXITSTATUS(status) == 64);
  }

  TEST_CASE("the record of a start is read as it was written, and nothing else is read") {
    const std::string octets =
        render_start_record({.descriptors = {{"channel", 4}, {"absent", 0}}, .setup = "the setup"});
    const auto record = parse_start_record(octets);
    REQUIRE(record);
    CHECK(record->descriptors.size() == 2);
    CHECK(record->descriptors[0].name == "channel");
    CHECK(record->descriptors[0].number == 4);
    CHECK(record->descriptors[1].number == 0);
    CHECK(record->setup == "the setup");
    for (size_t size = 0; size < octets.size(); ++size)
      CHECK_FALSE(parse_start_record(octets.substr(0, size)));
    CHECK_FALSE(parse_start_record(octets + "x"));
    CHECK_FALSE(parse_start_record(std::string(12, '\xff')));
  }
}
