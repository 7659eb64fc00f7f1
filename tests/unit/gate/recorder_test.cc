#include "gate/recorder.h"

#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "fakes.h"

using namespace ostiary;
using namespace ostiary::gate;
using namespace ostiary::gate::testing;
using audit::Actor;
using audit::DenyName;
using audit::DenyPacket;
using audit::DenyReason;
using audit::limits::fold_entries;
using audit::limits::fold_passed;

namespace {

constexpr audit::FileBound small = audit::FileBound::of_file(4096);

DenyName denied(std::string_view name, Actor by = Actor::agent) {
  return {.name = name, .type = "A", .why = DenyReason::no_rule, .detail = {}, .by = by};
}

DenyPacket denied_packet(Actor by = Actor::agent) {
  return {.address = inet::IpAddress::v4({192, 0, 2, 9}),
          .port = 80,
          .protocol = IPPROTO_TCP,
          .icmp_type = {},
          .uid = {},
          .name = {},
          .by = by};
}

// A recorder, as the gate's loop uses it.
struct Audited {
  explicit Audited(audit::FileBound bound = audit::FileBound::none()) : recorder(file.journal(bound)) {}

  void deny(std::string_view name, size_t times = 1) {
    for (size_t i = 0; i < times; ++i) recorder.record_folded(denied(name), now);
  }
  // The gate's loop flushes when it is due, and writes after each turn.
  void turn() {
    if (const auto due = recorder.due(); due && *due <= now) recorder.flush();
    recorder.write();
  }
  std::vector<json> lines() {
    recorder.write();
    return file.events("deny");
  }
  static uint64_t sum(const std::vector<json>& lines) {
    uint64_t sum = 0;
    for (const json& each : lines) sum += each["count"].get<uint64_t>();
    return sum;
  }

  Time now = start;
  AuditFile file;
  Recorder recorder;
};

}  // namespace

TEST_SUITE("gate/recorder") {
  TEST_CASE("in a flood the first 100 denials of a second have lines, and the rest one with their number") {
    Audited audited;
    audited.deny("flood.test", 250);
    CHECK(audited.lines().size() == fold_passed);
    CHECK(audited.recorder.due() == start + 1s);
    audited.now = start + 999ms;
    audited.turn();
    CHECK(audited.lines().size() == fold_passed);
    audited.now = start + 1s;
    audited.turn();
    const auto lines = audited.lines();
    REQUIRE(lines.size() == fold_passed + 1);
    for (size_t i = 0; i < fold_passed; ++i) CHECK(lines[i]["count"] == 1);
    CHECK(lines.back()["count"] == 150);
    CHECK(lines.back()["name"] == "flood.test");
    CHECK_FALSE(audited.recorder.due());
  }

  TEST_CASE("each second of a long flood has a bounded number of lines, and no denial is left out") {
    Audited audited;
    constexpr size_t a_second = 2000;
    for (int second = 1; second <= 10; ++second) {
      for (size_t i = 0; i < a_second; ++i) {
        audited.deny(i % 2 == 0 ? "even.test" : "odd.test");
        audited.now += 500us;
        if (i % 10 == 9) audited.turn();
      }
      CHECK(audited.lines().size() <= static_cast<size_t>(second) * (fold_passed + 2));
    }
    audited.recorder.flush();
    std::map<std::string, uint64_t> counts;
    for (const json& each : audited.lines())
      counts[each["name"].get<std::string>()] += each["count"].get<uint64_t>();
    CHECK(counts == std::map<std::string, uint64_t>{{"even.test", 10'000}, {"odd.test", 10'000}});
  }

  TEST_CASE("a window begins with the first denial after the last window") {
    Audited audited;
    audited.deny("first.test", fold_passed);
    audited.now = start + 1500ms;
    audited.deny("second.test", fold_passed);
    CHECK(audited.lines().size() == 2 * fold_passed);
    audited.now = start + 2400ms;  // still in the second window
    audited.deny("third.test");
    CHECK(audited.lines().size() == 2 * fold_passed);
    CHECK(audited.recorder.due() == start + 2500ms);
    audited.now = start + 2500ms;
    audited.deny("fourth.test");
    CHECK(audited.lines().back()["name"] == "fourth.test");
  }

  TEST_CASE("of a flood of different names 1024 are counted apart, and the rest as other") {
    Audited audited;
    audited.deny("first.test", fold_passed);
    for (size_t i = 0; i < fold_entries + 300; ++i) audited.deny("n" + std::to_string(i) + ".test");
    audited.recorder.record_others(50, audited.now);
    audited.now += 1s;
    audited.turn();
    const auto lines = audited.lines();
    CHECK(lines.size() == fold_passed + fold_entries + 1);
    CHECK(lines.back()["kind"] == "other");
    CHECK(lines.back()["count"] == 350);
    CHECK(Audited::sum(lines) == fold_passed + fold_entries + 350);
  }

  TEST_CASE("denials that the kernel could not report are in one line within a second") {
    Audited audited;
    audited.recorder.record_others(0, audited.now);
    CHECK_FALSE(audited.recorder.due());
    audited.recorder.record_others(70, audited.now);
    audited.recorder.record_others(7, audited.now + 500ms);
    CHECK(audited.lines().empty());
    CHECK(audited.recorder.due() == start + 1s);
    audited.now += 1s;
    audited.turn();
    const auto lines = audited.lines();
    REQUIRE(lines.size() == 1);
    CHECK(lines[0]["kind"] == "other");
    CHECK(lines[0]["count"] == 77);
  }

  TEST_CASE("the counts that are left at the end are written") {
    Audited audited;
    audited.deny("flood.test", 150);
    audited.recorder.flush();
    CHECK(Audited::sum(audited.lines()) == 150);
  }

  TEST_CASE("a flood of denials does not fold admissions") {
    Audited audited;
    audited.deny("flood.test", 1000);
    audited.recorder.record(audit::Admit{.name = "a.example",
                                         .address = inet::IpAddress::v4({192, 0, 2, 1}),
                                         .protocol = IPPROTO_TCP,
                                         .port = 443,
                                         .lifetime = 60s});
    audited.recorder.write();
    CHECK(audited.file.events("admit").size() == 1);
  }

  TEST_CASE("failures of the upstream are folded like denials") {
    Audited audited;
    for (int i = 0; i < 250; ++i)
      audited.recorder.record_folded(audit::UpstreamFailure{.name = "a.example", .why = "SERVFAIL"},
                                     audited.now);
    audited.recorder.flush();
    audited.recorder.write();
    const auto lines = audited.file.events("upstream_failure");
    REQUIRE(lines.size() == fold_passed + 1);
    CHECK(lines.back()["count"] == 150);
  }

  TEST_CASE("events are in the file after write()") {
    Audited audited;
    audited.deny("a.test");
    CHECK(audited.file.events().empty());
    audited.recorder.write();
    CHECK(audited.file.events().size() == 1);
  }

  TEST_CASE("denials during the self-test are the self-test's, and those of the plan's names the boot's") {
    Audited audited;
    audited.recorder.set_actor(Actor::self_test);
    audited.deny("a.test");
    audited.recorder.record_folded(denied("b.test", Actor::boot), audited.now);
    audited.recorder.record_folded(denied_packet(), audited.now);
    audited.recorder.set_actor(Actor::agent);
    audited.deny("a.test");
    audited.recorder.record_folded(denied_packet(), audited.now);
    const auto lines = audited.lines();
    REQUIRE(lines.size() == 5);
    CHECK(lines[0]["by"] == "self-test");
    CHECK(lines[1]["by"] == "boot");
    CHECK(lines[2]["by"] == "self-test");
    CHECK_FALSE(lines[3].contains("by"));
    CHECK_FALSE(lines[4].contains("by"));
  }

  TEST_CASE("asks for a new file when the present one is due, and at most once a minute") {
    Audited audited(small);
    CHECK_FALSE(audited.recorder.asks_for_file(audited.now));
    for (int i = 0; i < 40; ++i) audited.deny("a-rather-long-name.of-a-flood.test");
    CHECK(audited.lines().size() > 20);
    CHECK(audited.recorder.asks_for_file(audited.now));
    CHECK_FALSE(audited.recorder.asks_for_file(audited.now));
    CHECK_FALSE(audited.recorder.asks_for_file(audited.now + limits::audit_file_retry - 1ms));
    CHECK(audited.recorder.asks_for_file(audited.now + limits::audit_file_retry));
  }

  TEST_CASE("continues in a new file: earlier events are in the old one, and it may ask again at once") {
    Audited audited(small);
    for (int i = 0; i < 40; ++i) audited.deny("a-rather-long-name.of-a-flood.test");
    audited.recorder.write();
    REQUIRE(audited.recorder.asks_for_file(audited.now));
    const size_t before = audited.file.events().size();

    const AuditFile next;
    audited.deny("last.test");
    audited.recorder.continue_in(next.copy());
    CHECK(audited.file.events().size() == before + 1);
    CHECK_FALSE(audited.recorder.asks_for_file(audited.now));
    for (int i = 0; i < 40; ++i) audited.deny("a-rather-long-name.of-a-flood.test");
    audited.recorder.write();
    CHECK(next.events().size() > 20);
    CHECK(audited.file.events().size() == before + 1);
    CHECK(audited.recorder.asks_for_file(audited.now));
  }
}
