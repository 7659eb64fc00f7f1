#include "relay/own_records.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../event/made_up_time.h"
#include "../otlp/messages.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace std::chrono_literals;
using otlp::testing::field;

namespace {

const std::string trace = "0123456789abcdef";

// A text attribute of a log record.
std::string attribute_of(std::string_view key, std::string_view value) {
  return field(6, field(1, key) + field(2, field(1, value)));
}
std::string attribute_of(std::string_view key, uint64_t value) {
  return field(6, field(1, key) + field(2, otlp::testing::number_field(3, value)));
}
std::string event_name(std::string_view name) {
  return field(12, name);
}

size_t count_of(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

struct World {
  void add(const std::string& fields) {
    const auto line = read_audit_line(R"({"time":"2026-01-02T03:04:05.678901Z","event":)" + fields + "}");
    REQUIRE(line);
    records.add(*line);
  }
  void see(std::string_view session, std::string_view in_trace = {}) {
    sessions.see(
        {.signal = telemetry::Signal::logs,
         .body = field(1, field(2, field(2, attribute_of("session.id", session) + field(9, in_trace))))},
        time.now);
  }
  std::string only_batch() {
    time.turn_after(relay::limits::batch_time);
    REQUIRE(batches.size() == 1);
    return batches[0];
  }

  event::testing::MadeUpTime time;
  SessionWatch sessions;
  std::vector<std::string> batches;
  OwnRecords records{*time.loop,
                     sessions,
                     [] { return std::chrono::system_clock::time_point(std::chrono::nanoseconds(77'000)); },
                     {.name = "ostiary", .version = "1.2"},
                     [this](std::string batch) { batches.push_back(std::move(batch)); }};
};

constexpr auto denial = R"("deny","kind":"name","name":"a.example","type":"A","why":"no_rule","count":1)";

}  // namespace

TEST_SUITE("relay/own_records") {
  TEST_CASE("lines become records of the scope ostiary, and are delivered together") {
    World world;
    world.add(denial);
    world.add(R"("exit","status":0,"reason":"end")");
    world.time.turn_after(relay::limits::batch_time - 1ms);
    CHECK(world.batches.empty());
    const std::string batch = world.only_batch();
    CHECK(batch.contains(field(1, field(1, "ostiary") + field(2, "1.2"))));
    CHECK(batch.contains(event_name("ostiary.deny_name")));
    CHECK(batch.contains(event_name("ostiary.exit")));
    CHECK(batch.contains(attribute_of("ostiary.name", "a.example")));
    CHECK(batch.contains(attribute_of("ostiary.count", 1)));
    CHECK(batch.contains(field(3, "WARN") +
                         field(5, field(1, "denied the lookup of a.example (A): no rule names it"))));
    world.time.turn_after(10min);
    CHECK(world.batches.size() == 1);
  }

  TEST_CASE("a batch is delivered earlier if it is large") {
    World world;
    const std::string large = R"("phase","what":")" + std::string(1200, 'x') + "\"";
    for (int i = 0; i < 40; ++i) world.add(large);
    REQUIRE(world.batches.size() == 1);
    CHECK(world.batches[0].size() > relay::limits::batch_octets / 2);
    CHECK(world.batches[0].size() < relay::limits::batch_octets);
    world.records.flush();
    REQUIRE(world.batches.size() == 2);
    CHECK(count_of(world.batches[0] + world.batches[1], event_name("ostiary.phase")) == 40);
  }

  TEST_CASE("a denial names the session and trace if only one was active, also if its telemetry came later") {
    World world;
    world.add(denial);
    world.add(R"("gate_started","process":7)");
    world.see("s1", trace);
    const std::string batch = world.only_batch();
    CHECK(count_of(batch, attribute_of("ostiary.session.match", "only") + attribute_of("session.id", "s1") +
                              field(9, trace)) == 1);
    CHECK(count_of(batch, "session.id") == 1);  // the gate's start is not of the session
  }

  TEST_CASE("of several sessions a denial names none, and says so; of none it says nothing") {
    World world;
    world.see("s1", trace);
    world.see("s2");
    world.add(denial);
    const std::string batch = world.only_batch();
    CHECK(batch.contains(attribute_of("ostiary.session.match", "several")));
    CHECK_FALSE(batch.contains("session.id"));
    CHECK_FALSE(batch.contains(trace));
    World none;
    none.add(denial);
    CHECK_FALSE(none.only_batch().contains("session"));
  }

  TEST_CASE("what the boot caused is not of the agent's session") {
    World world;
    world.see("s1");
    world.add(R"("deny","kind":"name","name":"a","why":"rebinding","by":"boot","count":1)");
    CHECK_FALSE(world.only_batch().contains("session"));
  }

  TEST_CASE("in a flood one record tells how many others were left out, and other events still pass") {
    World world;
    for (size_t i = 0; i < relay::limits::records_a_minute + 250; ++i) world.add(denial);
    world.add(R"("tampering","what":"x","response":"repaired")");
    world.records.add_unreadable();
    world.time.turn_after(59s);
    std::string all;
    for (const std::string& each : world.batches) all += each;
    CHECK(count_of(all, event_name("ostiary.deny_name")) == relay::limits::records_a_minute);
    CHECK(count_of(all, event_name("ostiary.tampering")) == 1);
    CHECK_FALSE(all.contains("ostiary.left_out"));
    world.batches.clear();
    world.time.turn_after(1s);
    const std::string batch = world.only_batch();
    CHECK(batch.contains(attribute_of("ostiary.count", 250) + attribute_of("ostiary.unreadable", 1)));
    CHECK(count_of(batch, event_name("ostiary.left_out")) == 1);
    world.batches.clear();
    world.add(denial);
    CHECK(world.only_batch().contains(event_name("ostiary.deny_name")));
  }

  TEST_CASE("at the end everything is delivered at once") {
    World world;
    for (size_t i = 0; i < relay::limits::records_a_minute + 3; ++i) world.add(denial);
    world.records.flush();
    CHECK(world.batches.back().contains(event_name("ostiary.left_out")));
    CHECK(world.batches.back().contains(attribute_of("ostiary.count", 3)));
    const size_t batches = world.batches.size();
    world.records.flush();
    CHECK(world.batches.size() == batches);
    CHECK_FALSE(world.time.loop->deadline().has_value());
  }
}
