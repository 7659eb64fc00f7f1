#include "relay/gzip.h"

#include <doctest/doctest.h>

#include "gunzip.h"

using namespace ostiary::relay;
using namespace ostiary::relay::testing;

TEST_SUITE("relay/gzip") {
  TEST_CASE("a compressed body is smaller, and gives the same octets again") {
    const std::string body(100'000, 'x');
    const std::string compressed = gzip(body).value();
    CHECK(compressed.size() < 1000);
    CHECK(gunzip(compressed) == body);
    CHECK(gunzip(gzip("").value()).empty());
  }

  TEST_CASE("octets that cannot be compressed fit as well") {
    std::string body;
    uint32_t state = 1;
    for (int i = 0; i < 100'000; ++i) {
      state = state * 1664525 + 1013904223;
      body += static_cast<char>(state >> 24U);
    }
    CHECK(gunzip(gzip(body).value()) == body);
  }

  TEST_CASE("a compressed body is read again, up to a bound, and a damaged one is not") {
    const std::string body(100'000, 'x');
    const std::string compressed = gzip(body).value();
    CHECK(gunzip(compressed, 100'000) == body);
    CHECK_FALSE(gunzip(compressed, 99'999).has_value());
    CHECK_FALSE(gunzip(compressed.substr(0, compressed.size() - 1), 100'000).has_value());
    CHECK_FALSE(gunzip(compressed + "x", 100'000).has_value());
    CHECK_FALSE(gunzip(body, 100'000).has_value());
    CHECK(gunzip(gzip("").value(), 0) == "");
  }

  TEST_CASE("a compressed body is told from a message of protobuf") {
    CHECK(is_gzip(gzip("body").value()));
    CHECK_FALSE(is_gzip(""));
    CHECK_FALSE(
        is_gzip("\x0a\x03"
                "abc"));
  }
}
