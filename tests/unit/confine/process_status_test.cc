#include "confine/process_status.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <unistd.h>

#include "ostiary/base/read_file.h"
#include "outcome.h"

using namespace ostiary::confine;
using ostiary::error_of;
using ostiary::status_of;

namespace {

constexpr std::string_view shell =
    "Name:\tUid: 9\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t7\nUid:\t1000\t1001\t1002\t1003\n"
    "Gid:\t100\t101\t102\t103\nFDSize:\t256\nGroups:\t27 4 4294967294 \nThreads:\t1\nSigQ:\t0/1000\n"
    "SigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\nSigBlk:\t0000000000010000\n"
    "SigIgn:\t0000000000380004\nSigCgt:\t000000004b817efb\nCapInh:\t0000000000000001\n"
    "CapPrm:\t0000000000000002\nCapEff:\t0000000000000003\nCapBnd:\t000001ffffffffff\n"
    "CapAmb:\t0000000000000004\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n";

std::string with(std::string_view line, std::string_view replacement) {
  std::string text(shell);
  const size_t at = text.find("\n" + std::string(line));
  REQUIRE(at != std::string::npos);
  return text.replace(at + 1, text.find('\n', at + 1) - at, replacement);
}

}  // namespace

TEST_SUITE("confine/process_status") {
  TEST_CASE("reads every field that confinement checks") {
    const auto status = parse_process_status(shell);
    REQUIRE_MESSAGE(status, error_of(status));
    CHECK(status->uids == std::array<uid_t, 4>{1000, 1001, 1002, 1003});
    CHECK(status->gids == std::array<gid_t, 4>{100, 101, 102, 103});
    CHECK(status->groups == std::vector<gid_t>{4, 27, 4294967294});
    CHECK(status->blocked_signals == 0x10000);
    CHECK(status->ignored_signals == 0x380004);
    CHECK(status->inheritable == 1);
    CHECK(status->permitted == 2);
    CHECK(status->effective == 3);
    CHECK(status->bounding == 0x1ffffffffff);
    CHECK(status->ambient == 4);
    CHECK(status->no_new_privs == 1);
    CHECK(status->seccomp == 2);
    CHECK(status->seccomp_filters == 3);
  }

  TEST_CASE("reads this kernel's status of this process") {
    const auto text = ostiary::read_file("/proc/self/status", 64 * 1024);
    REQUIRE_MESSAGE(text, error_of(text));
    const auto status = parse_process_status(*text);
    REQUIRE_MESSAGE(status, error_of(status));
    CHECK(status->uids[1] == ::geteuid());
    CHECK(status->gids[1] == ::getegid());
  }

  TEST_CASE("a process without supplementary groups has none") {
    CHECK(parse_process_status(with("Groups:", "Groups:\t \n"))->groups.empty());
  }

  TEST_CASE("a missing or malformed field is an error, because a check must not be skipped") {
    for (const char* name : {"Uid", "Gid", "Groups", "SigBlk", "SigIgn", "CapInh", "CapPrm", "CapEff",
                             "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters"}) {
      const std::string line = std::string(name) + ":";
      const auto missing = parse_process_status(with(line, ""));
      CHECK(error_of(missing) == "/proc/self/status has no field " + std::string(name));
      CHECK(status_of(missing) == 77);
      CHECK_FALSE(parse_process_status(with(line, line + "\tx\n")));
      CHECK_FALSE(parse_process_status(with(line, line + "\t99999999999999999999\n")));
      if (line != "Groups:") CHECK_FALSE(parse_process_status(with(line, line + "\n")));
      if (line != "Groups:") CHECK_FALSE(parse_process_status(with(line, line + "\t0\t0\n")));
    }
    CHECK_FALSE(parse_process_status(""));
  }
}
