#include "ostiary/http/path.h"

#include <doctest/doctest.h>

using ostiary::http::Path;

TEST_SUITE("http/path") {
  TEST_CASE("a path equals itself alone") {
    const auto traces = Path::parse("/v1/traces");
    REQUIRE(traces.has_value());
    CHECK(traces->text() == "/v1/traces");
    CHECK(traces == Path::parse("/v1/traces"));
    for (const char* other : {"/", "/v1", "/v1/Traces", "/v1/traces2", "/v1/traces?", "/v1/traces?a=b",
                              "/V1/traces", "/a/v1/traces", "/v1/traces/x"}) {
      CHECK_MESSAGE(Path::parse(other).has_value(), other);
      CHECK_MESSAGE(Path::parse(other) != traces, other);
    }
    CHECK(Path::parse("/v1/messages?beta=true&b=1")->text() == "/v1/messages?beta=true&b=1");
    CHECK(Path::parse("/a.b/~c/d:e/..f/...")->text() == "/a.b/~c/d:e/..f/...");
  }

  TEST_CASE("no target is found that two servers could read as different paths") {
    for (const char* target : {"",
                               "v1/traces",
                               "*",
                               "http://a/v1/traces",
                               "//v1/traces",
                               "/v1//traces",
                               "/v1/traces/",
                               "//",
                               "/./v1/traces",
                               "/v1/./traces",
                               "/v1/../v1/traces",
                               "/v1/traces/.",
                               "/v1/traces/..",
                               "/..",
                               "/v1\\traces",
                               "\\v1\\traces",
                               "/v1/%74races",
                               "/v1%2ftraces",
                               "/v1/traces%00",
                               "/%2e%2e/v1/traces",
                               "/v1/traces%",
                               "/v1/traces;a",
                               "/v1/traces;a=b",
                               "/v1/traces#a",
                               "/v1/traces a",
                               "/v1/traces\t",
                               "/v1/tr\xc3\xa4"
                               "ces",
                               "/v1/traces+",
                               "/v1/traces?a=%41",
                               "/v1/traces?a?b",
                               "/v1/traces?a/../b",
                               "/v1/traces?a#b",
                               "?/v1/traces",
                               "/?\\"})
      CHECK_FALSE_MESSAGE(Path::parse(target).has_value(), target);
    using namespace std::string_view_literals;
    CHECK_FALSE(Path::parse("/v1/traces\0"sv).has_value());
  }
}
