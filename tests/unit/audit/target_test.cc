#include "ostiary/audit/target.h"

#include <doctest/doctest.h>

using namespace ostiary::audit;

TEST_SUITE("audit/target") {
  TEST_CASE("a file's absolute path, a descriptor, stderr and none are places for the audit") {
    CHECK(*parse_target("/var/log/ostiary/audit.jsonl") == Target(ToFile{"/var/log/ostiary/audit.jsonl"}));
    CHECK(*parse_target("fd:3") == Target(ToDescriptor{3}));
    CHECK(*parse_target("stderr") == Target(ToStandardError{}));
    CHECK(*parse_target("none") == Target(ToNobody{}));
  }

  TEST_CASE("anything else is refused with what to write instead") {
    using namespace std::string_view_literals;
    for (const std::string_view text :
         {""sv,        "audit.jsonl"sv, "./audit"sv, "STDERR"sv,       "-"sv,    "/"sv,
          "/audit"sv,  "/a/"sv,         "/a/../b"sv, "/a/./b"sv,       "/a/."sv, "/a/.."sv,
          "//audit"sv, "/a/b\0c"sv,     "fd:"sv,     "fd:0"sv,         "fd:2"sv, "fd:-3"sv,
          "fd:x"sv,    "fd:7x"sv,       "fd: 7"sv,   "fd:2147483648"sv}) {
      const auto refused = parse_target(text);
      REQUIRE_MESSAGE(!refused, text);
      CHECK(refused.error().exit == ostiary::Exit::configuration);
    }
    CHECK(parse_target("audit.jsonl").error().message.contains("absolute path, fd:N, stderr or none"));
  }
}
