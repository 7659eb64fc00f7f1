#include "relay/retry.h"

#include <vector>

#include <doctest/doctest.h>

using namespace ostiary;
using namespace ostiary::relay;
using namespace std::chrono_literals;

TEST_SUITE("relay/retry") {
  TEST_CASE("the pause doubles up to its limit, and begins anew after a success") {
    Retry retry;
    constexpr double most = 1 - 1e-9;
    for (const auto pause : {1000ms, 2000ms, 4000ms, 8000ms, 16000ms, 30000ms, 30000ms}) {
      const auto got = retry.after_failure(most);
      CHECK(got <= pause);
      CHECK(got >= pause - 1ms);
    }
    retry.succeeded();
    CHECK(retry.after_failure(0) == 500ms);
    CHECK(retry.after_failure(0.5) == 1500ms);
  }

  TEST_CASE("the collector can ask for a longer pause, not for a shorter one, nor for hours") {
    Retry retry;
    CHECK(retry.after_failure(0, 7s) == 7s);
    CHECK(retry.after_failure(0, 0s) == 1000ms);
    CHECK(retry.after_failure(0, 1000h) == 300s);
  }

  TEST_CASE("Retry-After counts if it is a number of seconds") {
    using Fields = std::vector<http::Field>;
    CHECK(retry_after(Fields{{"A", "1"}, {"retry-after", "30"}}) == 30s);
    for (const char* other : {"", "-1", "1.5", "soon", "4294967296", "Sun, 29 Nov 2026 20:00:00 GMT"})
      CHECK_FALSE(retry_after(Fields{{"Retry-After", other}}).has_value());
    CHECK_FALSE(retry_after({}).has_value());
  }
}
