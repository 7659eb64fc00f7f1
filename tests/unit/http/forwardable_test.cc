#include "ostiary/http/forwardable.h"

#include <string>

#include <doctest/doctest.h>

using namespace ostiary::http;

namespace {

const std::string own[] = {"x-scope-orgid", "Anthropic-Version"};
const std::string more[] = {"A",           "B",     "C",          "D",           "X-Hop",
                            "npm-command", "x-app", "anthropic-", "X-Stainless-"};

// The names that pass, each with a space in front.
std::string passing(const std::vector<Field>& fields) {
  const auto passed = forwardable(fields, own, more);
  if (!passed) return std::string(text(passed.error()));
  std::string names;
  for (const Field& field : *passed) (names += ' ') += field.name;
  return names;
}

}  // namespace

TEST_SUITE("http/forwardable") {
  TEST_CASE("what describes the request passes, unchanged and in order") {
    const std::vector<Field> fields{{"User-Agent", "claude-cli/2.0"},
                                    {"Accept", "*/*"},
                                    {"content-type", "application/json"},
                                    {"anthropic-beta", "a"},
                                    {"anthropic-beta", "b"},
                                    {"Content-Encoding", "gzip"},
                                    {"X-Stainless-Lang", "js"},
                                    {"anthropic-dangerous-direct-browser-access", "true"},
                                    {"traceparent", "00-1-2-01"},
                                    {"Range", "bytes=0-1"},
                                    {"if-none-match", "x"},
                                    {"x-app", "cli"}};
    CHECK(forwardable(fields, own, more).value() == fields);
    CHECK(forwardable({}, {}).value().empty());
  }

  TEST_CASE("a field that no list names does not pass, and the caller can name more") {
    for (const char* name : {"X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Via", "X-Original-URL",
                             "X-HTTP-Method-Override", "Origin", "Referer", "Max-Forwards", "X-Key", "Bearer",
                             "anthropic_beta", "anthropic", "X_App", "x-app2", "Content_Type", "x"})
      CHECK_MESSAGE(passing({{"A", "b"}, {name, "c"}}) == " A", name);
    CHECK(passing({{"npm-command", "install"}, {"NPM-Command", "ci"}, {"npm_command", "x"}}) ==
          " npm-command NPM-Command");
    CHECK(passing(
              {{"X-Stainless-", "a"}, {"x-stainless", "b"}, {"x_stainless_a", "c"}, {"npm-command-", "d"}}) ==
          " X-Stainless-");
    CHECK(forwardable(std::vector<Field>{{"npm-command", "install"}, {"anthropic-beta", "a"}, {"x-app", "b"}},
                      own)
              .value()
              .empty());
  }

  TEST_CASE("no credential passes, in any spelling") {
    for (const char* name : {"Authorization",
                             "authorization",
                             "AUTHORIZATION",
                             "Proxy-Authorization",
                             "proxy_authorization",
                             "X-Authorization",
                             "X-Api-Key",
                             "x-api-key",
                             "X_API_KEY",
                             "x_api-key",
                             "X.Api.Key",
                             "XApiKey",
                             "Api-Key",
                             "api_key",
                             "apikey",
                             "DD-API-KEY",
                             "Cookie",
                             "cookie2",
                             "X-Goog-Api-Key",
                             "x_goog_user_project",
                             "X-Goog-IAM-Authorization-Token",
                             "x-amz-security-token",
                             "X_Amz_Security_Token",
                             "X-Amz-Date",
                             "X-Auth-Token",
                             "Private-Token",
                             "X-Client-Secret",
                             "X-Credential",
                             "anthropic-api-key",
                             "anthropic-auth",
                             "X-Claude-Auth-Token",
                             "x-stainless-session_key",
                             "x-anthropic-Cookie"}) {
      const std::string named[] = {"A", name};
      const auto passed = forwardable(std::vector<Field>{{"A", "b"}, {name, "secret"}}, own, named);
      REQUIRE(passed.has_value());
      CHECK_MESSAGE(passed->size() == 1, name);
    }
  }

  TEST_CASE("no field of one connection passes") {
    for (const char* name : {"Connection", "Keep-Alive", "Proxy-Connection", "proxy_connection", "TE",
                             "Trailer", "Upgrade", "Expect", "HTTP2-Settings", "Proxy-Authenticate",
                             "Transfer-Encoding", "Content-Length", "Host", "host"})
      CHECK_MESSAGE(passing({{"A", "b"}, {name, "c"}, {"D", "e"}}) == " A D", name);
  }

  TEST_CASE("no field that Connection names passes") {
    CHECK(passing({{"X-Hop", "a"}, {"A", "b"}, {"connection", "close, x-hop,,"}, {"x_hop", "c"}}) == " A");
    CHECK(passing(
              {{"Connection", "a"}, {"A", "1"}, {"B", "2"}, {"C", "3"}, {"Connection", "B\t,keep-alive"}}) ==
          " C");
    CHECK(passing({{"Connection", "a b"}}) == "the Connection is malformed");
  }

  TEST_CASE("the caller's own fields replace those of the client, and Connection cannot name them") {
    CHECK(passing({{"X-Scope-OrgID", "1"}, {"x_scope_orgid", "1"}, {"anthropic-version", "1"}, {"A", "b"}}) ==
          " A");
    for (const char* name : {"X-Scope-OrgID", "x_scope_orgid", "anthropic-version", "Host", "Content-Length",
                             "transfer_encoding"})
      CHECK_MESSAGE(
          passing({{"Connection", name}}) == "the Connection names a header field that must reach the server",
          name);
  }
}
