#include "boot/enclosure.h"

#include <doctest/doctest.h>

#include "audited.h"

using namespace ostiary;
using namespace ostiary::boot;

TEST_SUITE("boot/enclosure") {
  TEST_CASE("a change by another process that is repaired is reported, with the process") {
    boot::testing::Audited audited;
    CHECK(report(
        {.change = {.kind = nft::Change::Kind::table_gone, .process = 4711, .program = "nft"}, .outcome = {}},
        audited.trail));
    const auto event = audited.events().at(0);
    CHECK(event["event"] == "tampering");
    CHECK(event["what"] == "the table was deleted");
    CHECK(event["process"] == 4711);
    CHECK(event["program"] == "nft");
    CHECK(event["response"] == "repaired");
  }

  TEST_CASE("a change that cannot be repaired is reported, and is the error that ends the agent") {
    boot::testing::Audited audited;
    const auto ended =
        report({.change = {.kind = nft::Change::Kind::changed, .process = 0, .program = {}},
                .outcome = fail(Exit::unavailable, "another process keeps changing the rules")},
               audited.trail);
    CHECK(error_of(ended) == "another process keeps changing the rules");
    const auto event = audited.events().at(0);
    CHECK(event["what"] == "the table was changed");
    CHECK(event["response"] == "agent_ended");
  }
}
