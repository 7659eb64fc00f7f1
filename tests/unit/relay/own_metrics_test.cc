#include "relay/own_metrics.h"

#include <string>

#include <doctest/doctest.h>

#include "../otlp/messages.h"

using namespace ostiary;
using namespace ostiary::relay;
using otlp::testing::field;

namespace {

std::string attribute_of(std::string_view key, std::string_view value) {
  return field(7, field(1, key) + field(2, field(1, value)));
}

std::string value_of(uint64_t number) {
  std::string octets;
  otlp::Writer(octets).add_sfixed64(6, static_cast<int64_t>(number));
  return octets;
}

void count(OwnMetrics& metrics, const std::string& fields) {
  const auto line = read_audit_line(R"({"time":"2026-01-02T03:04:05.678901Z","event":)" + fields + "}");
  REQUIRE(line);
  metrics.count(*line);
}

std::string request(const OwnMetrics& metrics) {
  return metrics.request({.name = "ostiary", .version = "1"}, {.octets = 10, .posts = 3, .series = {}},
                         {.start = 1, .end = 2});
}

}  // namespace

TEST_SUITE("relay/own_metrics") {
  TEST_CASE("denials are counted by kind, with the counts of their lines") {
    OwnMetrics metrics;
    count(metrics, R"("deny","kind":"name","count":1)");
    count(metrics, R"("deny","kind":"name","count":250)");
    count(metrics, R"("deny","kind":"packet","count":2)");
    CHECK(request(metrics).contains(value_of(251) + attribute_of("kind", "name")));
    CHECK(request(metrics).contains(value_of(2) + attribute_of("kind", "packet")));
  }

  TEST_CASE("what the boot itself was denied is not counted") {
    OwnMetrics metrics;
    count(metrics, R"("deny","kind":"packet","by":"self-test","count":25)");
    count(metrics, R"("deny","kind":"name","by":"boot","count":1)");
    CHECK_FALSE(request(metrics).contains("ostiary.denials"));
    count(metrics, R"("deny","kind":"packet","count":2)");
    CHECK(request(metrics).contains(value_of(2) + attribute_of("kind", "packet")));
  }

  TEST_CASE("admissions, restarts of helpers, and what became of posts are counted") {
    OwnMetrics metrics;
    for (int i = 0; i < 4; ++i) count(metrics, R"("admit","seconds":5)");
    count(metrics, R"("gate_restarted","attempt":1)");
    count(metrics, R"("gate_started","process":1)");
    metrics.count(Report{.kind = Report::Kind::delivered});
    metrics.count(Report{.kind = Report::Kind::delivered, .posts = 4});
    metrics.count(Report{.kind = Report::Kind::displaced, .number = 7});
    metrics.count(Report{.kind = Report::Kind::rejected_in_part, .number = 900});
    metrics.count_refusal("malformed");
    const std::string sent = request(metrics);
    CHECK(sent.contains("ostiary.admissions"));
    CHECK(sent.contains(value_of(4)));
    CHECK(sent.contains(value_of(1) + attribute_of("helper", "gate")));
    CHECK(sent.contains(value_of(5) + attribute_of("outcome", "delivered")));
    CHECK(sent.contains(value_of(7) + attribute_of("outcome", "displaced")));
    CHECK(sent.contains(value_of(1) + attribute_of("outcome", "rejected_in_part")));
    CHECK(sent.contains(value_of(1) + attribute_of("outcome", "malformed")));
  }

  TEST_CASE("what became of the agent's sums is counted, and their number is told if there are sums") {
    OwnMetrics metrics;
    metrics.count(Report{.kind = Report::Kind::left_out, .number = 20});
    metrics.count(Report{.kind = Report::Kind::forgotten, .number = 30});
    const std::string sent = metrics.request({}, {.series = 40}, {});
    for (const char* part : {"ostiary.relay.points.left_out", "ostiary.relay.series.forgotten"})
      CHECK_MESSAGE(sent.contains(part), part);
    for (const uint64_t number : {20U, 30U, 40U}) CHECK(sent.contains(value_of(number)));
    CHECK_FALSE(sent.contains("ostiary.relay.posts"));
    CHECK_FALSE(request(metrics).contains(field(1, "ostiary.relay.series")));
  }

  TEST_CASE("sums begin at 0 again where deltas are wanted") {
    OwnMetrics metrics;
    count(metrics, R"("admit","seconds":5)");
    metrics.begin_anew();
    CHECK_FALSE(request(metrics).contains("ostiary.admissions"));
  }

  TEST_CASE("the queue is there from the beginning; a sum begins with its first event") {
    const std::string sent = request(OwnMetrics());
    CHECK(sent.contains("ostiary.relay.queue.octets"));
    CHECK(sent.contains(value_of(10)));
    CHECK(sent.contains("ostiary.relay.queue.posts"));
    CHECK(sent.contains(value_of(3)));
    CHECK_FALSE(sent.contains("ostiary.denials"));
  }

  TEST_CASE("the number of series is bounded, and a sum does not go back") {
    OwnMetrics metrics;
    for (char c = 'a'; c <= 'z'; ++c) count(metrics, R"("deny","kind":")" + std::string(1, c) + "\"");
    CHECK(request(metrics).contains(attribute_of("kind", "p")));
    CHECK_FALSE(request(metrics).contains(attribute_of("kind", "q")));
    CHECK(request(metrics).contains(value_of(10) + attribute_of("kind", "other")));
    for (int i = 0; i < 3; ++i) count(metrics, R"("deny","kind":"a","count":18446744073709551615)");
    CHECK(request(metrics).contains(value_of(INT64_MAX) + attribute_of("kind", "a")));
  }
}
