#include <array>
#include <string>

#include <doctest/doctest.h>
#include <sys/socket.h>

#include "ostiary/audit/journal.h"
#include "reading.h"
#include "samples.h"

using namespace ostiary;
using namespace ostiary::audit;
using namespace ostiary::audit::testing;

namespace {

struct Ends {
  UniqueFd read;
  UniqueFd write;
};

Ends make_sockets() {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// The next datagram. Empty if none waits.
std::string receive(const UniqueFd& socket) {
  std::string octets(2 * limits::octets_at_once, '\0');
  const ssize_t got = ::recv(socket.get(), octets.data(), octets.size(), MSG_DONTWAIT);
  octets.resize(got < 0 ? 0 : static_cast<size_t>(got));
  return octets;
}

std::string receive_all(const UniqueFd& socket) {
  std::string all;
  for (std::string each; !(each = receive(socket)).empty();) all += each;
  return all;
}

Event deny(std::string_view name) {
  return DenyName{name, "A", DenyReason::no_rule, {}};
}

}  // namespace

TEST_SUITE("audit/journal_copy") {
  TEST_CASE("a socket gets the lines of the file, one datagram for each write") {
    auto file = make_sockets();
    auto copy = make_sockets();
    auto journal = Journal::to_fd(std::move(file.write)).value();
    journal.copy_to(std::move(copy.write));
    journal.note(deny("a.example"), sample_time());
    journal.note(deny("b.example"), sample_time());
    CHECK(receive(copy.read).empty());
    journal.flush();
    journal.record(deny("c.example"), sample_time());
    const std::string first = receive(copy.read);
    CHECK(first == line_of(deny("a.example")) + line_of(deny("b.example")));
    CHECK(receive_all(copy.read) == line_of(deny("c.example")));
    CHECK(receive_all(file.read) == first + line_of(deny("c.example")));
  }

  TEST_CASE("a socket gets the lines without a file, and no datagram is larger than one write") {
    auto copy = make_sockets();
    auto journal = Journal::none();
    journal.copy_to(std::move(copy.write));
    for (int i = 0; i < 100; ++i) journal.note(deny("a.example"), sample_time());
    journal.flush();
    size_t lines = 0;
    for (std::string each; !(each = receive(copy.read)).empty();) {
      CHECK(each.size() <= limits::octets_at_once);
      const Reading reading = read_journal(each);
      CHECK(reading.broken + reading.empty == 0);
      lines += reading.events.size();
    }
    CHECK(lines == 100);
    CHECK(journal.fd() == -1);
    CHECK(journal.lost() == 0);
  }

  TEST_CASE("what a full socket does not take delays nothing, and is told before the next line") {
    auto file = make_sockets();
    auto copy = make_sockets();
    auto journal = Journal::to_fd(std::move(file.write)).value();
    journal.copy_to(std::move(copy.write));
    constexpr size_t all = 5000;
    size_t in_file = 0;
    for (size_t i = 0; i < all; ++i) {
      journal.record(deny("flood.example"), sample_time());
      in_file += read_journal(receive_all(file.read)).events.size();
    }
    CHECK(in_file == all);
    CHECK(journal.lost() == 0);
    const size_t before = read_journal(receive_all(copy.read)).events.size();
    CHECK(before < all);
    journal.record(deny("after.example"), sample_time());
    journal.record(deny("last.example"), sample_time());
    const Reading after = read_journal(receive_all(copy.read));
    REQUIRE(after.events.size() == 3);
    CHECK(after.events[0]["event"] == "events_lost");
    CHECK(after.events[0]["count"] == all - before);
    CHECK(after.events[1]["name"] == "after.example");
    CHECK(after.events[2]["name"] == "last.example");
  }

  TEST_CASE("a loss is told without another line, once the socket takes it") {
    auto copy = make_sockets();
    auto journal = Journal::none();
    journal.copy_to(std::move(copy.write));
    for (int i = 0; i < 5000; ++i) journal.record(deny("flood.example"), sample_time());
    journal.flush();
    const size_t before = read_journal(receive_all(copy.read)).events.size();
    for (int i = 0; i < 2; ++i) journal.flush();
    const Reading after = read_journal(receive_all(copy.read));
    REQUIRE(after.events.size() == 1);
    CHECK(after.lost() == 5000 - before);
  }

  TEST_CASE("a socket whose other end is closed costs the file nothing") {
    auto file = make_sockets();
    auto copy = make_sockets();
    auto journal = Journal::to_fd(std::move(file.write)).value();
    journal.copy_to(std::move(copy.write));
    copy.read.reset();
    journal.record(deny("a.example"), sample_time());
    CHECK(receive_all(file.read) == line_of(deny("a.example")));
    CHECK(journal.lost() == 0);
  }
}
