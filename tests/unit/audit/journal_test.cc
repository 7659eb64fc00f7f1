#include "ostiary/audit/journal.h"

#include <array>
#include <chrono>
#include <string>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reading.h"
#include "samples.h"

using namespace ostiary;
using namespace ostiary::audit;
using namespace ostiary::audit::testing;
using namespace std::chrono_literals;

namespace {

// As in the program.
class NoBrokenPipeSignal {
 public:
  NoBrokenPipeSignal() : before_(::signal(SIGPIPE, SIG_IGN)) {}
  NoBrokenPipeSignal(const NoBrokenPipeSignal&) = delete;
  NoBrokenPipeSignal& operator=(const NoBrokenPipeSignal&) = delete;
  ~NoBrokenPipeSignal() { ::signal(SIGPIPE, before_); }

 private:
  sighandler_t before_;
};

struct Ends {
  UniqueFd read;
  UniqueFd write;
};

Ends make_pipe() {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Ends make_sockets(int type) {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

UniqueFd copy_of(const UniqueFd& fd) {
  return UniqueFd{::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)};
}

// The available data, without waiting for more.
std::string drain(const UniqueFd& fd) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  REQUIRE(::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) == 0);
  std::string all;
  std::array<char, 8192> some;
  for (ssize_t size = 0; (size = ::read(fd.get(), some.data(), some.size())) > 0;)
    all.append(some.data(), static_cast<size_t>(size));
  return all;
}

Event deny(std::string_view name) {
  return DenyName{name, "A", DenyReason::no_rule, {}};
}

void record_many(Journal& journal, size_t count) {
  for (size_t i = 0; i < count; ++i) journal.record(deny("flood.example"), sample_time());
}

// Fills the pipe, then reads it, and checks the content.
void check_that_a_late_reader_learns_of_lost_events(Journal& journal, const UniqueFd& reader) {
  const auto begin = std::chrono::steady_clock::now();
  record_many(journal, 20'000);
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
  const uint64_t lost = journal.lost();
  REQUIRE(lost > 0);

  std::string content = drain(reader);
  journal.record(deny("after.example"), sample_time());
  content += drain(reader);
  const Reading reading = read_journal(content);
  CHECK(journal.lost() == lost);
  CHECK(reading.lost() == lost);
  CHECK(reading.count("deny") == 20'001 - lost);
  CHECK(reading.empty == 0);
  REQUIRE(reading.events.size() >= 2);
  CHECK(reading.events.back()["name"] == "after.example");
  CHECK(reading.events.at(reading.events.size() - 2)["event"] == "events_lost");
}

}  // namespace

TEST_SUITE("audit/journal") {
  TEST_CASE("an event is a line in the pipe, and the pipe's flags do not change") {
    auto [read, write] = make_pipe();
    auto journal = Journal::to_fd(copy_of(write));
    REQUIRE(journal);
    for (const Event& event : samples()) journal->record(event, sample_time());
    CHECK(read_journal(drain(read)).events.size() == samples().size());
    CHECK(journal->lost() == 0);
    CHECK((::fcntl(write.get(), F_GETFL) & O_NONBLOCK) == 0);
  }

  TEST_CASE("noted events are written together, as complete lines in few writes") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK | O_DIRECT) == 0);
    const UniqueFd read(ends[0]);
    auto journal = Journal::to_fd(UniqueFd(ends[1]));
    REQUIRE(journal);
    for (int i = 0; i < 100; ++i) journal->note(deny("noted.example"), sample_time());
    std::vector<std::string> writes;
    std::array<char, 8192> room;
    const auto read_writes = [&] {
      for (ssize_t size = 0; (size = ::read(read.get(), room.data(), room.size())) > 0;)
        writes.emplace_back(room.data(), static_cast<size_t>(size));
    };
    read_writes();
    const size_t line = writes.at(0).find('\n') + 1;
    const size_t lines_in_one = limits::octets_at_once / line;
    CHECK(writes.size() == 99 / lines_in_one);
    journal->flush();
    journal->flush();
    read_writes();
    CHECK(writes.size() == 1 + 99 / lines_in_one);
    std::string all;
    for (const std::string& each : writes) {
      CHECK(each.ends_with('\n'));
      CHECK(each.size() <= limits::octets_at_once);
      all += each;
    }
    CHECK(read_journal(all).count("deny") == 100);
    CHECK(journal->lost() == 0);
  }

  TEST_CASE("a full pipe without a reader does not block") {
    auto [read, write] = make_pipe();
    auto journal = Journal::to_fd(copy_of(write));
    REQUIRE(journal);
    check_that_a_late_reader_learns_of_lost_events(*journal, read);
    CHECK((::fcntl(write.get(), F_GETFL) & O_NONBLOCK) == 0);
  }

  TEST_CASE("a full non-blocking pipe or socket does not block") {
    auto [read, write] = make_pipe();
    REQUIRE(::fcntl(write.get(), F_SETFL, O_NONBLOCK) == 0);
    auto nonblocking = Journal::to_fd(std::move(write));
    REQUIRE(nonblocking);
    check_that_a_late_reader_learns_of_lost_events(*nonblocking, read);
    for (const int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
      auto sockets = make_sockets(type);
      auto journal = Journal::to_fd(std::move(sockets.write));
      REQUIRE(journal);
      check_that_a_late_reader_learns_of_lost_events(*journal, sockets.read);
    }
  }

  TEST_CASE("a full pipe that cannot be reopened does not block") {
    if (::geteuid() != 0) {
      MESSAGE("skipped: needs root");
      return;
    }
    auto [read, write] = make_pipe();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::alarm(20);
      constexpr uid_t not_the_owner = 12345;
      if (::setuid(not_the_owner) != 0) ::_exit(1);
      auto journal = Journal::to_fd(copy_of(write));
      if (!journal || (::fcntl(journal->fd(), F_GETFL) & O_NONBLOCK) != 0) ::_exit(2);
      record_many(*journal, 20'000);
      ::_exit(journal->lost() > 0 ? 0 : 3);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    const Reading reading = read_journal(drain(read));
    CHECK(reading.events.size() > 100);
    CHECK(reading.broken == 0);
  }

  TEST_CASE("a terminal without a reader does not block") {
    const UniqueFd master{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    REQUIRE(master.valid());
    REQUIRE(::grantpt(master.get()) == 0);
    REQUIRE(::unlockpt(master.get()) == 0);
    UniqueFd terminal{::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC)};
    REQUIRE(terminal.valid());
    auto journal = Journal::to_fd(std::move(terminal));
    REQUIRE(journal);
    record_many(*journal, 5'000);
    const uint64_t lost = journal->lost();
    REQUIRE(lost > 0);
    std::string content;
    for (std::string some; !(some = drain(master)).empty();) content += some;
    journal->record(deny("after.example"), sample_time());
    for (std::string some; !(some = drain(master)).empty();) content += some;
    std::erase(content, '\r');
    const Reading reading = read_journal(content);
    CHECK(reading.lost() == journal->lost());
    CHECK(reading.broken <= 1);
    CHECK(reading.events.back()["name"] == "after.example");
  }

  TEST_CASE("a closed pipe or socket only loses events") {
    const NoBrokenPipeSignal ignored;
    for (auto ends : {make_pipe, +[] { return make_sockets(SOCK_STREAM); }}) {
      auto [read, write] = ends();
      auto journal = Journal::to_fd(std::move(write));
      REQUIRE(journal);
      journal->record(deny("a.example"), sample_time());
      read.reset();
      record_many(*journal, 10);
      CHECK(journal->lost() == 10);
    }
    auto [read, write] = make_pipe();
    read.reset();
    auto journal = Journal::to_fd(std::move(write));
    REQUIRE(journal);
    record_many(*journal, 10);
    CHECK(journal->lost() == 10);
  }

  TEST_CASE("a full device only loses events") {
    auto journal = Journal::to_fd(UniqueFd(::open("/dev/full", O_WRONLY | O_CLOEXEC)));
    REQUIRE(journal);
    record_many(*journal, 10);
    CHECK(journal->lost() == 10);
  }

  TEST_CASE("with the audit off, all events are accepted and none counts as lost") {
    Journal journal = Journal::none();
    record_many(journal, 10);
    CHECK(journal.lost() == 0);
    CHECK(journal.fd() == -1);
    auto opened = Journal::open(ToNobody{}, FileBound::none());
    REQUIRE(opened);
    CHECK(opened->fd() == -1);
  }

  TEST_CASE("lines on standard error say that the agent shares it, and it stays open") {
    auto [read, write] = make_pipe();
    const UniqueFd before{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)};
    REQUIRE(::dup2(write.get(), STDERR_FILENO) == STDERR_FILENO);
    {
      auto journal = Journal::open(ToStandardError{}, FileBound::none());
      if (journal) journal->record(HelperStarted{"gate", 7}, sample_time());
    }
    const bool open_still = ::fcntl(STDERR_FILENO, F_GETFD) >= 0;
    ::dup2(before.get(), STDERR_FILENO);
    CHECK(open_still);
    CHECK(drain(read) == line_of(HelperStarted{"gate", 7}, sample_time(), AuditRoad::shared));
  }

  TEST_CASE("an invalid descriptor, or one for reading only, is refused") {
    CHECK_FALSE(Journal::to_fd(UniqueFd()));
    CHECK_FALSE(Journal::to_fd(UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC))));
  }
}
