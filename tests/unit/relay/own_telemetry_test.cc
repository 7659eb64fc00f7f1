#include "relay/own_telemetry.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../event/made_up_time.h"
#include "../otlp/metrics.h"
#include "ostiary/otlp/reserved.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace std::chrono_literals;
using otlp::testing::attribute;
using otlp::testing::field;
using telemetry::Signal;

namespace {

const std::vector<otlp::Attribute> of_agent{{"service.name", "claude-code"}, {"container.id", "c1"}};
constexpr std::string_view denial =
    R"({"time":"2026-01-02T03:04:05.678901Z","event":"deny","kind":"name","name":"a","why":"no_rule","count":5})"
    "\n";

struct World {
  explicit World(otlp::Temporality wanted = otlp::Temporality::cumulative) : temporality(wanted) {}

  std::vector<std::string> bodies(Signal signal) const {
    std::vector<std::string> found;
    for (const Post& each : posts)
      if (each.signal == signal) found.push_back(each.body);
    return found;
  }

  otlp::Temporality temporality;
  std::chrono::system_clock::time_point wall_time{1h};
  event::testing::MadeUpTime time;
  std::vector<Post> posts;
  OwnTelemetry own{{.loop = *time.loop,
                    .wall_clock = [this] { return wall_time; },
                    .queue = [] { return OwnMetrics::Queue{.octets = 10, .posts = 1}; },
                    .deliver = [this](Post post) { posts.push_back(std::move(post)); },
                    .temporality = temporality},
                   of_agent,
                   "1.2"};
};

}  // namespace

TEST_SUITE("relay/own_telemetry") {
  TEST_CASE("ostiary's own telemetry has the agent's attributes and a service name of its own") {
    World world;
    world.own.take_lines(denial);
    world.own.flush();
    REQUIRE(world.posts.size() == 2);
    for (const Post& each : world.posts) {
      CHECK(each.body.contains(
          field(1, attribute("container.id", "c1") + attribute("service.name", "ostiary"))));
      CHECK_FALSE(each.body.contains("claude-code"));
      CHECK(otlp::claims_name(each.body, own_name) == true);
    }
    CHECK(own_attributes({}).size() == 1);
  }

  TEST_CASE("metrics are delivered each minute, also without an event") {
    World world;
    world.time.turn_after(59s);
    CHECK(world.posts.empty());
    world.time.turn_after(1s);
    CHECK(world.bodies(Signal::metrics).size() == 1);
    world.time.turn_after(1min);
    CHECK(world.bodies(Signal::metrics).size() == 2);
    CHECK(world.bodies(Signal::logs).empty());
  }

  TEST_CASE("metrics are cumulative since the start, or what came since the last ones") {
    for (const auto wanted : {otlp::Temporality::cumulative, otlp::Temporality::delta}) {
      const bool are_deltas = wanted == otlp::Temporality::delta;
      World world(wanted);
      for (int minute = 1; minute <= 2; ++minute) {
        world.own.take_lines(denial);
        world.wall_time += 1min;
        world.time.turn_after(1min);
      }
      const auto sent = world.bodies(Signal::metrics);
      REQUIRE(sent.size() == 2);
      const auto denials = [&](size_t number) {
        for (otlp::testing::SeenPoint& each : otlp::testing::points_of(sent[number]))
          if (each.series == "ostiary.denials{kind=name}") return each;
        return otlp::testing::SeenPoint();
      };
      constexpr uint64_t hour = 3'600'000'000'000;
      constexpr uint64_t minute = hour / 60;
      CHECK(otlp::testing::text(denials(0).amount) == "5");
      CHECK(otlp::testing::text(denials(1).amount) == (are_deltas ? "5" : "10"));
      CHECK(denials(1).temporality == (are_deltas ? 1 : 2));
      CHECK(denials(0).start == hour);
      CHECK(denials(1).start == (are_deltas ? hour + minute : hour));
      CHECK(denials(1).time == hour + 2 * minute);
    }
  }

  TEST_CASE("a line is a record and is counted; one that is no line is told") {
    World world;
    world.own.take_lines(std::string(denial) + "\n" + std::string(denial) + "{\"time\":\n");
    world.own.count(Report{.kind = Report::Kind::delivered});
    world.own.flush();
    const std::string logs = world.bodies(Signal::logs).at(0);
    CHECK(logs.contains("ostiary.deny_name"));
    CHECK(logs.contains("lines that could not be read: 1"));
    const std::string metrics = world.bodies(Signal::metrics).at(0);
    CHECK(metrics.contains("ostiary.denials"));
    CHECK(metrics.contains("delivered"));
  }

  TEST_CASE("a denial is joined with the session that passed") {
    World world;
    world.own.see(
        {.signal = Signal::logs,
         .body = field(1, field(2, field(2, field(6, field(1, "session.id") + field(2, field(1, "s1"))))))});
    world.own.take_lines(denial);
    world.own.flush();
    CHECK(world.bodies(Signal::logs).at(0).contains("s1"));
  }
}
