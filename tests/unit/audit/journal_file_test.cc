// The journal in a file: which files it accepts, and what remains after a full disk.

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include <cap-ng.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ostiary/audit/journal.h"
#include "reading.h"
#include "samples.h"
#include "scratch.h"

using namespace ostiary;
using namespace ostiary::audit;
using namespace ostiary::audit::testing;
using namespace ostiary::testing;
namespace fs = std::filesystem;

namespace {

constexpr uid_t other_user = 12345;

void check_refused(const std::string& path, std::string_view why) {
  const auto journal = Journal::to_file(path);
  REQUIRE_MESSAGE(!journal, path);
  CHECK_MESSAGE(journal.error().message.contains(why), journal.error().message);
  CHECK(journal.error().exit == Exit::not_permitted);
}

// Runs before the tests, so that the runner counts the test as skipped.
bool cannot_mount() {
  capng_get_caps_process();
  if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN) != 0) return false;
  ::fputs("skipped: filling a real disk needs CAP_SYS_ADMIN\n", stderr);
  return true;
}

// Runs in a child process. Returns whether it succeeded.
bool succeeds(const std::function<bool()>& steps) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(steps() ? 0 : 1);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

Event numbered(uint32_t number) {
  return HelperRestarted{"gate", number, 1};
}

// Every event is in the file or counted as lost, the events are in order, and the last one was
// written.
void check_account(const Reading& reading, uint32_t recorded) {
  uint64_t accounted = 0;
  uint64_t previous = 0;
  for (const auto& event : reading.events) {
    if (event["event"] == "events_lost") {
      accounted += event["count"].get<uint64_t>();
      continue;
    }
    ++accounted;
    CHECK(event["process"].get<uint64_t>() > previous);
    previous = event["process"].get<uint64_t>();
  }
  CHECK(accounted == recorded);
  CHECK(previous == recorded);
}

// `write` writes the events before that number into a journal whose file is near its limit.
void check_a_file_at_its_limit(void (*write)(Journal& journal, uint32_t number)) {
  const Scratch scratch;
  const std::string path = scratch.path("d/audit");
  uint32_t recorded = 0;
  for (rlim_t limit = 3000; limit < 3100; limit += 7) {
    fs::remove(path);
    recorded = 60;
    CHECK(succeeds([&] {
      ::signal(SIGXFSZ, SIG_IGN);
      auto journal = Journal::to_file(path);
      if (!journal) return false;
      rlimit size{};
      ::getrlimit(RLIMIT_FSIZE, &size);
      const rlim_t before = std::exchange(size.rlim_cur, limit);
      ::setrlimit(RLIMIT_FSIZE, &size);
      write(*journal, recorded);
      size.rlim_cur = before;
      ::setrlimit(RLIMIT_FSIZE, &size);
      const uint64_t lost = journal->lost();
      journal->record(numbered(recorded), sample_time());
      return lost > 0 && journal->lost() == lost;
    }));
    const Reading reading = read_journal(content_of(path));
    CHECK(reading.broken <= 1);
    CHECK(reading.empty == 0);
    CHECK(reading.count("events_lost") == 1);
    check_account(reading, recorded);
  }
}

}  // namespace

TEST_SUITE("audit/journal_file") {
  TEST_CASE("makes the file and its directory with their modes for any umask") {
    const Scratch scratch;
    const mode_t before = ::umask(0077);
    auto journal = Journal::open(ToFile{scratch.path("log/ostiary/audit.jsonl")}, FileBound::none());
    ::umask(before);
    REQUIRE(journal);
    for (const Event& event : samples()) journal->record(event, sample_time());
    CHECK(read_journal(content_of(scratch.path("log/ostiary/audit.jsonl"))).events.size() ==
          samples().size());
    CHECK(mode_of(scratch.path("log")) == 0755);
    CHECK(mode_of(scratch.path("log/ostiary")) == 0755);
    CHECK(mode_of(scratch.path("log/ostiary/audit.jsonl")) == 0640);
    CHECK((::fcntl(journal->fd(), F_GETFL) & O_APPEND) != 0);
    CHECK(::fcntl(journal->fd(), F_GETFD) == FD_CLOEXEC);
  }

  TEST_CASE("continues at the end of the file, also after it was truncated") {
    const Scratch scratch;
    const std::string path = scratch.path("d/audit");
    for (uint32_t run = 0; run < 2; ++run) {
      auto journal = Journal::to_file(path);
      REQUIRE(journal);
      journal->record(HelperStarted{"gate", run}, sample_time());
    }
    CHECK(content_of(path) == line_of(HelperStarted{"gate", 0}) + line_of(HelperStarted{"gate", 1}));
    auto journal = Journal::to_file(path);
    REQUIRE(journal);
    fs::resize_file(path, 0);
    journal->record(HelperStarted{"gate", 3}, sample_time());
    CHECK(content_of(path) == line_of(HelperStarted{"gate", 3}));
  }

  TEST_CASE("starts a new line if an earlier run was cut short") {
    const Scratch scratch;
    fs::create_directory(scratch.path("d"));
    write(scratch.path("d/audit"), "{\"time\":\"20");
    auto journal = Journal::to_file(scratch.path("d/audit"));
    REQUIRE(journal);
    journal->record(HelperStarted{"gate", 7}, sample_time());
    CHECK(content_of(scratch.path("d/audit")) == "{\"time\":\"20\n" + line_of(HelperStarted{"gate", 7}));
  }

  TEST_CASE("two processes write to one file and every line is whole") {
    const Scratch scratch;
    const std::string path = scratch.path("d/audit");
    auto journal = Journal::to_file(path);
    REQUIRE(journal);
    constexpr size_t each = 2000;
    const auto flood = [](Journal& to) {
      for (size_t i = 0; i < each; ++i) to.record(HelperStarted{"gate", 1}, sample_time());
      return to.lost() == 0;
    };
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      auto inherited = Journal::to_fd(UniqueFd(journal->fd()));
      ::_exit(inherited && flood(*inherited) ? 0 : 1);
    }
    CHECK(flood(*journal));
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    const Reading reading = read_journal(content_of(path));
    CHECK(reading.events.size() == 2 * each);
    CHECK(reading.broken == 0);
    CHECK(reading.empty <= each / 10);  // a process was stopped during its write
  }

  TEST_CASE("refuses anything but a regular file, and does not change it") {
    const Scratch scratch;
    fs::create_directories(scratch.path("d/directory"));
    write(scratch.path("victim"), "precious");
    fs::create_symlink(scratch.path("victim"), scratch.path("d/link"));
    fs::create_symlink(scratch.path("nowhere"), scratch.path("d/dangling"));
    fs::create_hard_link(scratch.path("victim"), scratch.path("d/other_name"));
    REQUIRE(::mkfifo(scratch.path("d/fifo").c_str(), 0600) == 0);
    sockaddr_un name{AF_UNIX, {}};
    scratch.path("d/socket").copy(name.sun_path, sizeof(name.sun_path) - 1);
    const UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM, 0)};
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0);

    for (const char* path : {"d/directory", "d/link", "d/dangling", "d/fifo", "d/socket"})
      check_refused(scratch.path(path), "is not a regular file");
    check_refused(scratch.path("d/other_name"), "has a second hard link");
    CHECK(content_of(scratch.path("victim")) == "precious");
    CHECK_FALSE(fs::exists(scratch.path("nowhere")));
  }

  TEST_CASE("refuses a directory that is a symlink or that another user can change, and does not change it") {
    const Scratch scratch;
    fs::create_directory(scratch.path("real"));
    fs::create_directory_symlink(scratch.path("real"), scratch.path("link"));
    fs::create_directory(scratch.path("open"));
    REQUIRE(::chmod(scratch.path("open").c_str(), 0777) == 0);
    check_refused(scratch.path("link/audit"), "is a symbolic link");
    check_refused(scratch.path("open/audit"), "is writable by other users");
    CHECK(mode_of(scratch.path("open")) == 0777);
    CHECK(fs::is_empty(scratch.path("open")));
    CHECK(fs::is_empty(scratch.path("real")));
    REQUIRE(::chmod(scratch.path("open").c_str(), 01777) == 0);
    CHECK(Journal::to_file(scratch.path("open/audit")));
    if (lacks_root()) return;
    fs::create_directory(scratch.path("theirs"));
    REQUIRE(::chown(scratch.path("theirs").c_str(), other_user, other_user) == 0);
    check_refused(scratch.path("theirs/audit"), "belongs to user 12345");
    CHECK(status_of(scratch.path("theirs")).st_uid == other_user);
    write(scratch.path("real/audit"), "theirs");
    REQUIRE(::chown(scratch.path("real/audit").c_str(), other_user, other_user) == 0);
    check_refused(scratch.path("real/audit"), "belongs to user 12345");
    CHECK(content_of(scratch.path("real/audit")) == "theirs");
  }

  TEST_CASE("a file at its limit loses events, and the next line is complete") {
    check_a_file_at_its_limit([](Journal& journal, uint32_t number) {
      for (uint32_t i = 1; i < number; ++i) journal.record(numbered(i), sample_time());
    });
  }

  TEST_CASE("after a partial write of many lines, every lost line is counted") {
    check_a_file_at_its_limit([](Journal& journal, uint32_t number) {
      for (uint32_t i = 1; i < number; ++i) journal.note(numbered(i), sample_time());
      journal.flush();
    });
  }

  TEST_CASE("a file whose end cannot be read is not corrupted either") {
    const Scratch scratch;
    const std::string path = scratch.path("audit");
    CHECK(succeeds([&] {
      ::signal(SIGXFSZ, SIG_IGN);
      auto journal = Journal::to_fd(UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)));
      if (!journal) return false;
      rlimit size{};
      ::getrlimit(RLIMIT_FSIZE, &size);
      const rlim_t before = std::exchange(size.rlim_cur, 1000);
      ::setrlimit(RLIMIT_FSIZE, &size);
      for (uint32_t i = 1; i < 30; ++i) journal->record(numbered(i), sample_time());
      size.rlim_cur = before;
      ::setrlimit(RLIMIT_FSIZE, &size);
      journal->record(numbered(30), sample_time());
      return true;
    }));
    const Reading reading = read_journal(content_of(path));
    CHECK(reading.broken == 1);
    CHECK(reading.empty == 0);
    check_account(reading, 30);
  }

  TEST_CASE("a full disk loses events, and the next line is complete" * doctest::skip(cannot_mount())) {
    const Scratch scratch;
    fs::create_directory(scratch.path("disk"));
    const std::string path = scratch.path("disk/d/audit");
    const std::string ballast = scratch.path("disk/ballast");
    constexpr uint32_t recorded = 500;
    CHECK(succeeds([&] {
      if (::unshare(CLONE_NEWNS) != 0) return false;
      if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
      if (::mount("tmpfs", scratch.path("disk").c_str(), "tmpfs", 0, "size=64k,mode=0755") != 0) return false;
      write(ballast, std::string(32768, 'x'));
      auto journal = Journal::to_file(path);
      if (!journal) return false;
      uint32_t number = 1;
      for (; number < recorded; ++number) journal->record(numbered(number), sample_time());
      const uint64_t lost = journal->lost();
      fs::remove(ballast);
      journal->record(numbered(number), sample_time());
      // The disk ends with this process: copies the journal to a place where the test can read it.
      const std::string content = content_of(path);
      const int out = ::open(scratch.path("content").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
      const bool kept = ::write(out, content.data(), content.size()) == static_cast<ssize_t>(content.size());
      return kept && lost > 0 && journal->lost() == lost;
    }));
    const Reading reading = read_journal(content_of(scratch.path("content")));
    CHECK(reading.broken == 1);
    CHECK(reading.empty == 0);
    CHECK(reading.count("events_lost") == 1);
    check_account(reading, recorded);
  }
}
