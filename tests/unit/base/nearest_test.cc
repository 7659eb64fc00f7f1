#include "ostiary/base/nearest.h"

#include <array>
#include <string>

#include <doctest/doctest.h>

using ostiary::edit_distance;
using ostiary::nearest;

TEST_SUITE("base/nearest") {
  TEST_CASE("counts letters added, dropped, replaced and swapped") {
    CHECK(edit_distance("", "") == 0);
    CHECK(edit_distance("", "abc") == 3);
    CHECK(edit_distance("alow", "allow") == 1);
    CHECK(edit_distance("kitten", "sitting") == 3);
    CHECK(edit_distance("hsot", "host") == 1);
    CHECK(edit_distance("ca", "abc") == 3);
  }

  TEST_CASE("finds the closest word, and none if none is close") {
    constexpr std::array<std::string_view, 3> words{"allow", "telemetry", "hold"};
    CHECK(nearest("alow", words) == "allow");
    CHECK(nearest("telemtery", words) == "telemetry");
    CHECK(nearest("hlod", words) == "hold");
    CHECK(nearest("cold", words) == "hold");
    CHECK(nearest("code", words).empty());
    CHECK(nearest("completely-else", words).empty());
    CHECK(nearest("", words).empty());
    CHECK(nearest(std::string(10000, 'a'), words).empty());
  }
}
