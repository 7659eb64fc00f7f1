#include "ostiary/http/target.h"

#include <doctest/doctest.h>

using namespace ostiary::http;

namespace {

Path path(const char* text) {
  return Path::parse(text).value();
}

}  // namespace

TEST_SUITE("http/target") {
  TEST_CASE("a query may follow the path, and is no part of it") {
    for (const char* target :
         {"/v1/messages", "/v1/messages?", "/v1/messages?beta=true", "/v1/messages?a=b&c=d+e,f:g@h",
          "/v1/messages?text=a%20b%C3%A4%22&x=%3a%3d%26", "/v1/messages?after=msg_1.2-~"}) {
      const auto parsed = Target::parse(target);
      REQUIRE_MESSAGE(parsed.has_value(), target);
      CHECK(parsed->is(path("/v1/messages")));
    }
  }

  TEST_CASE(
      "clients of package registries write a slash at the end, and the slash, @ and + of a name encoded") {
    for (const char* target :
         {"/simple/requests/", "/@scope%2fname", "/%40scope%2Fname", "/a/b-1.0+build.tgz",
          "/a/b-1.0%2Bbuild.tgz", "/@scope/name/-/name-1.0.tgz", "/"}) {
      const auto parsed = Target::parse(target);
      REQUIRE_MESSAGE(parsed.has_value(), target);
      CHECK(parsed->is_within(path("/")));
    }
    CHECK(Target::parse("/simple/requests/")->is_within(path("/simple/requests")));
    CHECK(Target::parse("/simple/@scope%2fname")->is_within(path("/simple")));
    CHECK_FALSE(Target::parse("/simple/")->is(path("/simple")));
    CHECK_FALSE(Target::parse("/@scope%2fname")->is_within(path("/@scope")));
    CHECK_FALSE(Target::parse("/@scope%2fname")->is(path("/@scope/name")));
    CHECK_FALSE(Target::parse("/simple%2fadmin")->is_within(path("/simple")));
  }

  TEST_CASE("a path lies within another at a slash") {
    const Target target = Target::parse("/v1/messages/batches?x=1").value();
    for (const char* above : {"/", "/v1", "/v1/messages", "/v1/messages/batches"})
      CHECK_MESSAGE(target.is_within(path(above)), above);
    for (const char* other : {"/v", "/v1/mess", "/v1/messages/batches/1", "/v2", "/messages", "/V1"})
      CHECK_FALSE_MESSAGE(target.is_within(path(other)), other);
  }

  TEST_CASE("no target is found that two servers could read as different paths") {
    for (const char* target : {"",
                               "*",
                               "v1",
                               "http://a/v1",
                               "//",
                               "//v1",
                               "/v1//",
                               "/v1//a",
                               "/v1/./a",
                               "/v1/..+/a",
                               "/v1/+..",
                               "/v1/.%2b",
                               "/v1/../a",
                               "/v1/%61",
                               "/v1/a%2f",
                               "/v1/a%2f/b",
                               "/v1%2f%2fa",
                               "%2fv1",
                               "/v1/a%2f..%2fb",
                               "/v1/a%2F../b",
                               "/v1/..%2fa",
                               "/v1/.%2fa",
                               "/v1/%2e%2e/a",
                               "/v1/a%252fb",
                               "/v1/a%5cb",
                               "/v1/a%3fb",
                               "/v1/a%",
                               "/v1/a%2",
                               "/v1/a+b?c/d",
                               "/v1;a",
                               "/v1#a",
                               "/v1\\a",
                               "/v1?a/b",
                               "/v1?/../../admin",
                               "/v1?a?b",
                               "/v1?a#b",
                               "/v1?a\\b",
                               "/v1?a;b",
                               "/v1?a=%",
                               "/v1?a=%4",
                               "/v1?a=%zz",
                               "/v1?a=%2f",
                               "/v1?a=%2F..%2Fadmin",
                               "/v1?a=%5c",
                               "/v1?a=%2e%2E",
                               "/v1?a=%3f",
                               "/v1?a=%23",
                               "/v1?a=%25%32f",
                               "/v1?a=%3b",
                               "/v1?a=%00",
                               "/v1?a=%0d%0a",
                               "/v1?a=%09",
                               "/v1?a=%7f",
                               "/v1? HTTP/1.1",
                               "?a",
                               "/v1?a=\"",
                               "/v1?<a>",
                               "/v1?a=(b)"})
      CHECK_FALSE_MESSAGE(Target::parse(target).has_value(), target);
  }
}
