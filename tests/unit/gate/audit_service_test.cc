#include "gate/audit_service.h"

#include <doctest/doctest.h>

#include "../event/made_up_time.h"
#include "fakes.h"

using namespace ostiary;
using namespace ostiary::gate;
using namespace ostiary::gate::testing;
using audit::limits::fold_passed;

namespace {

struct Audited : event::testing::MadeUpTime {
  explicit Audited(audit::FileBound bound = audit::FileBound::none()) : recorder(file.journal(bound)) {}

  void deny(size_t times) {
    for (size_t i = 0; i < times; ++i)
      recorder.record_folded(
          audit::DenyName{.name = "flood.test", .type = "A", .why = audit::DenyReason::no_rule, .detail = {}},
          now);
  }

  AuditFile file;
  Recorder recorder;
  size_t asked = 0;  // for a new file
  AuditService service{*loop, recorder, [this] { ++asked; }};
};

}  // namespace

TEST_SUITE("gate/audit_service") {
  TEST_CASE("the events of a batch are in the file after it") {
    Audited audited;
    audited.deny(3);
    CHECK(audited.file.events().empty());
    audited.turn();
    CHECK(audited.file.events().size() == 3);
  }

  TEST_CASE("folded events are in the file when their second has passed, and not before") {
    Audited audited;
    audited.deny(fold_passed + 50);
    audited.turn();
    CHECK(audited.loop->deadline() == start + 1s);
    audited.turn_after(1s - 1ns);
    CHECK(audited.file.events().size() == fold_passed);
    audited.turn_after(1ns);
    const auto events = audited.file.events();
    REQUIRE(events.size() == fold_passed + 1);
    CHECK(events.back()["count"] == 50);
    CHECK_FALSE(audited.loop->deadline());
  }

  TEST_CASE("asks for a new file when the present one is due, and again after a minute") {
    Audited audited(audit::FileBound::of_file(4096));
    audited.turn();
    CHECK(audited.asked == 0);
    audited.deny(fold_passed);
    audited.turn();
    audited.turn_after(limits::audit_file_retry - 1ms);
    CHECK(audited.asked == 1);
    audited.turn_after(1ms);
    CHECK(audited.asked == 2);
  }
}
