#include "ostiary/otlp/reply.h"

#include <doctest/doctest.h>

#include "messages.h"

using namespace ostiary::otlp;
using namespace ostiary::otlp::testing;

namespace {

Outcome outcome(int status) {
  return outcome_of(static_cast<uint16_t>(status));
}

}  // namespace

TEST_SUITE("otlp/reply") {
  TEST_CASE("the status of an answer says whether the request may be repeated") {
    for (const int status : {200, 202, 299}) CHECK(outcome(status) == Outcome::delivered);
    for (const int status : {429, 502, 503, 504}) CHECK(outcome(status) == Outcome::delayed);
    for (const int status : {100, 199, 301, 302, 307, 400, 401, 403, 404, 408, 413, 500, 501, 505, 599})
      CHECK_MESSAGE(outcome(status) == Outcome::refused, status);
  }

  TEST_CASE("an answer can say that a part was not taken") {
    CHECK_FALSE(rejected_part("").has_value());
    CHECK_FALSE(rejected_part(field(1, "")).has_value());
    CHECK(rejected_part(field(1, number_field(1, 3) + field(2, "too old"))).value() ==
          Rejected{3, "too old"});
    CHECK(rejected_part(field(1, field(2, "a warning"))).value() == Rejected{0, "a warning"});
    CHECK(rejected_part(number_field(2, 1) + field(1, number_field(1, 1) + field(9, "x"))).value() ==
          Rejected{1, ""});
  }

  TEST_CASE("a malformed answer says nothing") {
    CHECK_FALSE(rejected_part(number_field(1, 5)).has_value());
    CHECK_FALSE(rejected_part(field(1, field(1, "text"))).has_value());
    CHECK_FALSE(rejected_part(field(1, number_field(2, 5))).has_value());
    CHECK_FALSE(rejected_part("{\"partialSuccess\":{}}").has_value());
  }

  TEST_CASE("a refusal over HTTP has a message") {
    CHECK(status_message(number_field(1, 3) + field(2, "no deltas") + field(3, "x")) == "no deltas");
    CHECK(status_message("").empty());
    CHECK(status_message("no deltas").empty());
  }
}
