#include "ostiary/http/returnable.h"

#include <string>

#include <doctest/doctest.h>

using namespace ostiary::http;

namespace {

// The names that pass, each with a space in front.
std::string passing(const std::vector<Field>& fields) {
  const auto passed = returnable(fields);
  if (!passed) return std::string(text(passed.error()));
  std::string names;
  for (const Field& field : *passed) (names += ' ') += field.name;
  return names;
}

}  // namespace

TEST_SUITE("http/returnable") {
  TEST_CASE("what describes the response passes, unchanged and in order") {
    const std::vector<Field> fields{{"Content-Type", "text/event-stream"},
                                    {"request-id", "req_1"},
                                    {"anthropic-ratelimit-requests-limit", "50"},
                                    {"retry-after", "2"},
                                    {"x-should-retry", "true"},
                                    {"Content-Encoding", "gzip"},
                                    {"ETag", "x"},
                                    {"x-any", "1"},
                                    {"x-any", "2"}};
    CHECK(returnable(fields).value() == fields);
  }

  TEST_CASE("no field of one connection passes, and none that frames the body") {
    for (const char* name : {"Connection", "Keep-Alive", "proxy_connection", "TE", "Trailer", "Upgrade",
                             "Proxy-Authenticate", "Transfer-Encoding", "Content-Length"})
      CHECK_MESSAGE(passing({{"A", "b"}, {name, "c"}, {"D", "e"}}) == " A D", name);
    CHECK(passing({{"Connection", "x-hop"}, {"X_Hop", "1"}, {"A", "b"}}) == " A");
    CHECK(passing({{"Connection", "a b"}}) == "the Connection is malformed");
  }

  TEST_CASE("no field passes that is for the server's origin") {
    for (const char* name :
         {"Set-Cookie", "set_cookie", "Set-Cookie2", "Alt-Svc", "Strict-Transport-Security", "Location"})
      CHECK_MESSAGE(passing({{"A", "b"}, {name, "c"}}) == " A", name);
  }
}
