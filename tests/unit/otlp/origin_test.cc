#include "ostiary/otlp/origin.h"

#include <string>

#include <doctest/doctest.h>

#include "messages.h"

using namespace ostiary::otlp;
using namespace ostiary::otlp::testing;

namespace {

const std::string trace = "0123456789abcdef";
const std::string span = "01234567";

std::string in_scope(std::string_view items) {
  return field(1, field(1, attribute("service.name", "claude-code")) + field(2, items));
}

// An attribute of an item, whose number depends on the kind.
std::string attribute_of(Tag tag, std::string_view key, std::string_view value) {
  return field(tag, field(1, key) + field(2, field(1, value)));
}

std::string log(std::string_view session, std::string_view more = {}) {
  return field(2, attribute_of(6, "event.name", "tool_result") + attribute_of(6, "session.id", session) +
                      std::string(more));
}

std::vector<Origin> in_logs(const std::string& request) {
  auto found = origins(request, Items::log_records);
  REQUIRE(found.has_value());
  return *std::move(found);
}

}  // namespace

TEST_SUITE("otlp/origin") {
  TEST_CASE("a log record names its session, and the trace and span that it belongs to") {
    const std::string request = in_scope(log("a", field(9, trace) + field(10, span)) + log("b"));
    CHECK(in_logs(request) == std::vector<Origin>{{"a", trace, span}, {"b"}});
  }

  TEST_CASE("a span names its session, trace and own id") {
    const std::string request =
        in_scope(field(2, field(1, trace) + field(2, span) + field(5, "claude_code.tool") +
                              attribute_of(9, "session.id", "a")));
    CHECK(origins(request, Items::spans).value() == std::vector<Origin>{{"a", trace, span}});
    CHECK(in_logs(request).empty());
  }

  TEST_CASE("an item without a session, or with one that is no text, names nothing") {
    CHECK(in_logs("").empty());
    CHECK(in_logs(in_scope(field(2, attribute_of(6, "session.ids", "a") + field(9, trace)))).empty());
    CHECK(
        in_logs(in_scope(field(2, field(6, field(1, "session.id") + field(2, number_field(3, 5)))))).empty());
    CHECK(in_logs(in_scope(log(""))).empty());
  }

  TEST_CASE("an id of another length, or of zeros, is none") {
    for (const std::string& each : {std::string(), trace.substr(1), trace + "0", std::string(16, '\0')})
      CHECK(in_logs(in_scope(log("a", field(9, each)))) == std::vector<Origin>{{"a"}});
    for (const std::string& each : {std::string(), trace, std::string(8, '\0')})
      CHECK(in_logs(in_scope(log("a", field(10, each)))) == std::vector<Origin>{{"a"}});
  }

  TEST_CASE("equal origins are one, and their number is bounded") {
    CHECK(in_logs(in_scope(log("a") + log("a")) + in_scope(log("a") + log("b") + log("a"))) ==
          std::vector<Origin>{{"a"}, {"b"}, {"a"}});
    std::string many;
    for (size_t i = 0; i < 2 * limits::origins; ++i) many += log(std::to_string(i));
    CHECK(in_logs(in_scope(many)).size() == limits::origins);
  }

  TEST_CASE("the last key and the last value count, in any order and of any length") {
    const std::string key = field(1, "session.id");
    const std::string other = field(1, "event.name");
    const std::string value = field(2, field(1, "a"));
    const std::string unknown = field(3, std::string(200, 'x'));
    const auto session = [](const std::string& attribute) {
      const std::string request = in_scope(field(2, field(6, attribute)));
      const auto found = in_logs(request);
      return found.empty() ? std::string() : std::string(found.at(0).session);
    };
    for (const std::string& each : {key + value, value + key, other + key + value, key + key + value,
                                    key + field(2, field(1, "b")) + value, key + value + unknown,
                                    unknown + value + key, other + value + key, key + unknown + value})
      CHECK(session(each) == "a");
    for (const std::string& each : {key + other + value, key + value + other, key, value, other + value})
      CHECK(session(each).empty());
    CHECK(session(key + field(2, field(1, std::string(300, 'a')))) == std::string(300, 'a'));
    CHECK(session(other + field(2, key + field(1, "a"))).empty());
  }

  TEST_CASE("a malformed request names nothing") {
    for (const std::string& request :
         {std::string("{}"), in_scope(field(2, "x")), in_scope(field(2, number_field(9, 1))),
          in_scope(field(2, field(6, number_field(1, 1)))), in_scope(number_field(2, 1))})
      CHECK_FALSE(origins(request, Items::log_records).has_value());
  }
}
