#include "ostiary/base/quote.h"

#include <doctest/doctest.h>

using ostiary::quote;

TEST_SUITE("base/quote") {
  TEST_CASE("keeps a plain name as it is") {
    CHECK(quote("api.example.com") == R"("api.example.com")");
  }

  TEST_CASE("removes characters that end a line or control a terminal") {
    CHECK(quote("a\n\x1b[31m\"\\") == R"("a\x0a\x1b[31m\"\\")");
    CHECK(quote("\xc3\xbc") == R"("\xc3\xbc")");
  }

  TEST_CASE("shortens what is long") {
    CHECK(quote(std::string(60, 'a')) == "\"" + std::string(60, 'a') + "\"");
    CHECK(quote(std::string(61, 'a')) == "\"" + std::string(60, 'a') + "…\"");
  }
}
