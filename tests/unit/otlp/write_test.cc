#include "ostiary/otlp/write.h"

#include <string>

#include <doctest/doctest.h>

#include "messages.h"

using namespace ostiary::otlp;
using namespace ostiary::otlp::testing;

namespace {

const Scope scope{.name = "ostiary", .version = "1.2"};
const std::string described = field(1, field(1, "ostiary") + field(2, "1.2"));

std::string request_of(std::string_view items) {
  return field(1, field(2, described + std::string(items)));
}

std::string fixed(Tag tag, uint64_t number) {
  std::string message;
  Writer(message).add_fixed64(tag, number);
  return message;
}

std::string attribute_of(Tag tag, std::string_view key, std::string_view value) {
  return field(tag, field(1, key) + field(2, value));
}

}  // namespace

TEST_SUITE("otlp/write") {
  TEST_CASE("a log record has its times, severity, body, attributes by type, and name") {
    const LogRecord record{
        .time = 5,
        .observed_time = 6,
        .severity = Severity::warn,
        .event_name = "a.b",
        .body = "text",
        .attributes = {
            {"s", "v"}, {"n", int64_t{-3}}, {"b", true}, {"l", std::vector<std::string>{"x", ""}}}};
    const std::string list = field(5, field(1, field(1, "x")) + field(1, field(1, "")));
    const std::string written = fixed(1, 5) + number_field(2, 13) + field(3, "WARN") +
                                field(5, field(1, "text")) + attribute_of(6, "s", field(1, "v")) +
                                attribute_of(6, "n", number_field(3, static_cast<uint64_t>(-3))) +
                                attribute_of(6, "b", number_field(2, 1)) + attribute_of(6, "l", list) +
                                fixed(11, 6) + field(12, "a.b");
    CHECK(logs_request(scope, std::vector{record}) == request_of(field(2, written)));
    CHECK(logs_request(scope, std::vector{record, record}) ==
          request_of(field(2, written) + field(2, written)));
  }

  TEST_CASE("a log record in a trace names it") {
    const LogRecord record{.trace = "0123456789abcdef", .span = "01234567"};
    CHECK(logs_request(scope, std::vector{record})
              .contains(field(9, "0123456789abcdef") + field(10, "01234567")));
  }

  TEST_CASE("a sum grows, by its last value or since its start, and a gauge has no start") {
    const std::vector<Metric> metrics{
        {.name = "s",
         .description = "d",
         .unit = "1",
         .kind = Metric::Kind::sum,
         .points = {{.attributes = {{"k", "v"}}, .value = 7}, {.value = UINT64_MAX}}},
        {.name = "none", .description = "d", .unit = "1", .kind = Metric::Kind::sum, .points = {}},
        {.name = "g",
         .description = "d",
         .unit = "By",
         .kind = Metric::Kind::gauge,
         .points = {{.value = 8}}}};
    const std::string first =
        fixed(2, 100) + fixed(3, 200) + fixed(6, 7) + attribute_of(7, "k", field(1, "v"));
    const std::string second = fixed(2, 100) + fixed(3, 200) + fixed(6, INT64_MAX);
    const std::string sum =
        field(1, "s") + field(2, "d") + field(3, "1") +
        field(7, field(1, first) + field(1, second) + number_field(2, 2) + number_field(3, 1));
    const std::string gauge =
        field(1, "g") + field(2, "d") + field(3, "By") + field(5, field(1, fixed(3, 200) + fixed(6, 8)));
    CHECK(metrics_request(scope, metrics, {.start = 100, .end = 200}) ==
          request_of(field(2, sum) + field(2, gauge)));
    const std::string deltas =
        metrics_request(scope, metrics, {.start = 100, .end = 200, .temporality = Temporality::delta});
    CHECK(deltas.contains(field(1, second) + number_field(2, 1) + number_field(3, 1)));
  }

  TEST_CASE("a span has its trace, its name, its times and its attributes") {
    const Span span{.name = "a",
                    .trace = "0123456789abcdef",
                    .span = "01234567",
                    .start = 5,
                    .end = 6,
                    .attributes = {{"s", "v"}}};
    const std::string written = field(1, "0123456789abcdef") + field(2, "01234567") + field(5, "a") +
                                number_field(6, 1) + fixed(7, 5) + fixed(8, 6) +
                                attribute_of(9, "s", field(1, "v"));
    CHECK(traces_request(scope, std::vector{span}) == request_of(field(2, written)));
  }
}
