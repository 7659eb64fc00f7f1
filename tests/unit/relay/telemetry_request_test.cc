#include "relay/telemetry_request.h"

#include <string>

#include <doctest/doctest.h>

using namespace ostiary;
using namespace ostiary::relay;

namespace {

const std::string type = "Content-Type: application/x-protobuf\r\n";
const std::string size = "Content-Length: 3\r\n";

// "traces", or the status of the refusal.
std::string read(const std::string& start, const std::string& fields) {
  http::RequestReader reader(100);
  const std::string request = start + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
  std::string_view input = request;
  const auto event = reader.next(input);
  const auto* const head = std::get_if<const http::RequestHead*>(&event);
  REQUIRE(head != nullptr);
  const auto signal = read_telemetry_request(**head);
  return signal ? std::string(telemetry::text(*signal)) : std::to_string(signal.error().status);
}

}  // namespace

TEST_SUITE("relay/telemetry_request") {
  TEST_CASE("the three signals have one path each") {
    CHECK(read("POST /v1/traces", type + size) == "traces");
    CHECK(read("POST /v1/metrics", type + size) == "metrics");
    CHECK(read("POST /v1/logs", type + "Transfer-Encoding: chunked\r\n") == "logs");
  }

  TEST_CASE("no other target is served") {
    for (const char* target : {"/", "/v1/traces/", "/v1/traces?a=b", "//v1/traces", "/v1//traces",
                               "/v1/./traces", "/v1/x/../traces", "/v1/trace%73", "/V1/traces",
                               "/v1/traces;a", "/v1/profiles", "/v1", "/v1/traces/x", "/otlp/v1/traces"})
      CHECK_MESSAGE(read(std::string("POST ") + target, type + size) == "404", target);
  }

  TEST_CASE("no other method is served, and a request has a body") {
    for (const char* method : {"GET", "HEAD", "PUT", "post", "OPTIONS", "DELETE", "PATCH", "TRACE"})
      CHECK_MESSAGE(read(std::string(method) + " /v1/traces", type + size) == "405", method);
    CHECK(read("POST /v1/traces", type) == "411");
  }

  TEST_CASE("a body is protobuf, without a coding") {
    for (const char* same :
         {"application/x-protobuf", "Application/X-Protobuf", "application/x-protobuf; a=b"})
      CHECK_MESSAGE(read("POST /v1/logs", size + "Content-Type: " + same + "\r\n") == "logs", same);
    for (const char* other : {"application/json", "application/x-protobufs", "", "application/grpc", "a, b"})
      CHECK_MESSAGE(read("POST /v1/logs", size + "Content-Type: " + other + "\r\n") == "415", other);
    CHECK(read("POST /v1/logs", size) == "415");
    CHECK(read("POST /v1/logs", size + type + type) == "415");
    CHECK(read("POST /v1/logs", size + type + "Content-Type: application/json\r\n") == "415");
    CHECK(read("POST /v1/logs", size + type + "Content-Encoding: identity\r\n") == "logs");
    for (const char* coding : {"gzip", "deflate", "gzip, identity", "x"})
      CHECK_MESSAGE(read("POST /v1/logs", size + type + "Content-Encoding: " + coding + "\r\n") == "415",
                    coding);
    CHECK(read("POST /v1/logs", size + type + "Content_Encoding: gzip\r\n") == "415");
    CHECK(read("POST /v1/logs", size + type + "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n") ==
          "415");
  }
}
