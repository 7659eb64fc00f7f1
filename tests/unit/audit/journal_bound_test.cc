// The size of the journal's files, and what is deleted.

#include <filesystem>
#include <string>

#include <doctest/doctest.h>
#include <fcntl.h>

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

constexpr FileBound bound = FileBound::of_file(10'000);

Event numbered(uint32_t number) {
  return HelperRestarted{"gate", number, 1};
}

// Lines and their numbers, from the oldest file to the newest.
struct Kept {
  uint64_t lines = 0;
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t deleted = 0;
};

Kept kept_of(const std::string& path) {
  Kept kept;
  for (size_t number = limits::files; number-- > 0;) {
    const std::string file = number == 0 ? path : path + "." + std::to_string(number);
    if (!fs::exists(file)) continue;
    CHECK(fs::file_size(file) <= bound.octets());
    CHECK(mode_of(file) == 0640);
    const Reading reading = read_journal(content_of(file));
    CHECK(reading.broken == 0);
    for (const auto& event : reading.events) {
      ++kept.lines;
      if (event["event"] == "rotated") kept.deleted += event["deleted"].get<uint64_t>();
      if (event["event"] != "gate_restarted") continue;
      const auto at = event["process"].get<uint64_t>();
      CHECK((kept.last == 0 || at == kept.last + 1));
      if (kept.first == 0) kept.first = at;
      kept.last = at;
    }
  }
  return kept;
}

}  // namespace

TEST_SUITE("audit/journal_bound") {
  TEST_CASE("the newest lines are kept, in a bounded number of files of bounded size") {
    const Scratch scratch;
    const std::string path = scratch.path("d/audit");
    auto journal = Journal::to_file(path, bound);
    REQUIRE(journal);
    uint32_t number = 0;
    uint64_t files = 1;
    for (; number < 2000; ++number) {
      journal->record(numbered(number + 1), sample_time());
      if (journal->wants_new_file()) {
        REQUIRE(journal->begin_new_file(sample_time()));
        CHECK_FALSE(journal->wants_new_file());
        ++files;
      }
    }
    CHECK(files > limits::files);
    CHECK(journal->lost() == 0);
    const Kept kept = kept_of(path);
    CHECK(kept.last == number);
    CHECK(kept.first > 1);
    CHECK(std::distance(fs::directory_iterator(scratch.path("d")), {}) == limits::files);
  }

  TEST_CASE("deleted events are counted") {
    const Scratch scratch;
    const std::string path = scratch.path("d/audit");
    auto journal = Journal::to_file(path, bound);
    REQUIRE(journal);
    uint64_t begun = 0;
    uint32_t number = 0;
    while (begun < limits::files) {
      journal->record(numbered(++number), sample_time());
      if (!journal->wants_new_file()) continue;
      REQUIRE(journal->begin_new_file(sample_time()));
      ++begun;
    }
    const Kept kept = kept_of(path);
    CHECK(kept.deleted > 0);
    CHECK(kept.deleted == kept.first - 1);
    CHECK(kept.lines + kept.deleted == number + begun);
  }

  TEST_CASE("without rotation, a journal stays within its limit and counts the rest") {
    const Scratch scratch;
    const std::string path = scratch.path("d/audit");
    auto journal = Journal::to_file(path, bound);
    REQUIRE(journal);
    for (uint32_t number = 1; number < 1000; ++number) journal->record(numbered(number), sample_time());
    CHECK(journal->wants_new_file());
    CHECK(journal->lost() > 0);
    CHECK(fs::file_size(path) <= bound.octets());
    REQUIRE(journal->begin_new_file(sample_time()));
    journal->record(numbered(1000), sample_time());
    const Reading after = read_journal(content_of(path));
    CHECK(after.lost() == journal->lost());
    CHECK(after.events.back()["process"] == 1000);
  }

  TEST_CASE("another process continues in the file that it receives") {
    const Scratch scratch;
    const std::string path = scratch.path("d/audit");
    auto journal = Journal::to_file(path, bound);
    REQUIRE(journal);
    auto other = Journal::to_fd(UniqueFd(::fcntl(journal->fd(), F_DUPFD_CLOEXEC, 0)), bound);
    REQUIRE(other);
    while (!other->wants_new_file()) other->record(numbered(1), sample_time());
    REQUIRE(other->begin_new_file(sample_time()));  // only the owner rotates
    CHECK(other->wants_new_file());
    REQUIRE(journal->begin_new_file(sample_time()));
    other->continue_in(UniqueFd(::fcntl(journal->fd(), F_DUPFD_CLOEXEC, 0)));
    CHECK_FALSE(other->wants_new_file());
    other->record(numbered(77), sample_time());
    CHECK(read_journal(content_of(path)).events.back()["process"] == 77);
  }

  TEST_CASE("if no new file can be made nothing changes, and a stale one does not matter") {
    const Scratch scratch;
    const std::string path = scratch.path("d/audit");
    fs::create_directories(path + ".new");
    auto journal = Journal::to_file(path, bound);
    REQUIRE(journal);
    while (!journal->wants_new_file()) journal->record(numbered(1), sample_time());
    const std::string before = content_of(path);
    CHECK_FALSE(journal->begin_new_file(sample_time()));
    CHECK(content_of(path) == before);
    CHECK_FALSE(fs::exists(path + ".1"));
    fs::remove(path + ".new");
    write(path + ".new", "of a keeper that was killed");
    CHECK(journal->begin_new_file(sample_time()));
    CHECK(content_of(path + ".1") == before);
    CHECK(read_journal(content_of(path)).count("rotated") == 1);
  }

  TEST_CASE("a journal that is too large when it is opened is rotated") {
    const Scratch scratch;
    fs::create_directory(scratch.path("d"));
    const std::string old(2 * bound.octets(), '\n');
    write(scratch.path("d/audit"), old);
    auto journal = Journal::to_file(scratch.path("d/audit"), bound);
    REQUIRE(journal);
    CHECK(content_of(scratch.path("d/audit.1")) == old);
    CHECK(read_journal(content_of(scratch.path("d/audit"))).count("rotated") == 1);
  }

  TEST_CASE("without a bound no rotation is due") {
    const Scratch scratch;
    auto journal = Journal::to_file(scratch.path("d/audit"));
    REQUIRE(journal);
    for (uint32_t number = 0; number < 2000; ++number) journal->record(numbered(1), sample_time());
    CHECK_FALSE(journal->wants_new_file());
    CHECK(journal->lost() == 0);
  }
}
