#include "ostiary/telemetry/endpoint.h"

#include <string>

#include <doctest/doctest.h>

using namespace ostiary::telemetry;
using ostiary::inet::text;

namespace {

Endpoint parsed(std::string_view url, Protocol protocol = Protocol::http_protobuf) {
  auto endpoint = parse_endpoint(url, protocol, EndpointUse::base);
  REQUIRE_MESSAGE(endpoint, url);
  return *endpoint;
}

std::string error_of(std::string_view url, Protocol protocol = Protocol::http_protobuf,
                     EndpointUse use = EndpointUse::base) {
  auto endpoint = parse_endpoint(url, protocol, use);
  REQUIRE_MESSAGE(!endpoint, url);
  CHECK(endpoint.error().exit == ostiary::Exit::configuration);
  CHECK_MESSAGE(!endpoint.error().message.contains('\n'), url);
  return endpoint.error().message;
}

}  // namespace

TEST_SUITE("telemetry/endpoint") {
  TEST_CASE("knows three protocols by their exact names") {
    CHECK(parse_protocol("grpc") == Protocol::grpc);
    CHECK(parse_protocol("http/json") == Protocol::http_json);
    CHECK(parse_protocol("http/protobuf") == Protocol::http_protobuf);
    for (const char* name : {"", "GRPC", "http", "http/proto", " grpc", "grpc ", "https", "HTTP/JSON"})
      CHECK_MESSAGE(!parse_protocol(name), name);
    CHECK(parse_protocol("thrift").error().message.contains("grpc, http/json or http/protobuf"));
    CHECK(parse_protocol("http").error().message.contains("write http/protobuf"));
  }

  TEST_CASE("without a port, uses that of the scheme or of gRPC") {
    CHECK(parsed("https://a.example").destination.port == 443);
    CHECK(parsed("http://a.example").destination.port == 80);
    CHECK(parsed("http://a.example", Protocol::grpc).destination.port == 4317);
    CHECK(parsed("https://a.example", Protocol::grpc).destination.port == 4317);
    CHECK(parsed("https://a.example:443", Protocol::grpc).destination.port == 443);
    CHECK(parsed("https://a.example:65535").destination.port == 65535);
  }

  TEST_CASE("writes the URL with its path, and with the port if it was given or is needed") {
    for (const char* url : {"https://a.example", "https://a.example/", "https://a.example:443",
                            "http://a.example:4318/otlp/", "http://192.0.2.1:80/a//b",
                            "https://[2001:db8::1]:4318", "https://[2001:db8::1]/otlp", "https://a/%2F~"})
      CHECK(text(parsed(url)) == url);
    CHECK(text(parsed("HTTPS://Collector.Example./Otlp")) == "https://collector.example/Otlp");
    CHECK(text(parsed("http://[2001:DB8:0::1]")) == "http://[2001:db8::1]");
    CHECK(text(parsed("http://a.example", Protocol::grpc)) == "http://a.example:4317");
    CHECK(text(parsed("https://a.example:443", Protocol::grpc)) == "https://a.example:443");
  }

  TEST_CASE("reads back what it wrote") {
    for (const char* url : {"https://a.example", "http://a.example:80/x/", "https://[2001:db8::1]:1/otlp"})
      for (const Protocol protocol : {Protocol::http_json, Protocol::grpc}) {
        const std::string written = text(parsed(url, protocol));
        CHECK(text(parsed(written, protocol)) == written);
        CHECK(parsed(written, protocol).destination == parsed(url, protocol).destination);
      }
  }

  TEST_CASE("refuses a URL without http or https and says to write one") {
    for (const char* url : {"a.example", "a.example:4318", "//a.example", "https:a.example",
                            "https:/a.example", "://a.example", "localhost:4318/a://b"})
      CHECK_MESSAGE(error_of(url).contains("no scheme"), url);
    for (const char* url : {"ftp://a.example", "grpc://a.example:4317", "unix:///run/otel", "httpss://a"})
      CHECK_MESSAGE(error_of(url).contains("other than http and https"), url);
    CHECK(error_of("").contains("empty"));
    CHECK(error_of("\"https://a.example\"").contains("quotes"));
  }

  TEST_CASE("refuses credentials, fragments and queries, without repeating them") {
    for (const char* url :
         {"https://user:hunter2@a.example", "https://hunter2@a.example:4318/otlp",
          "https://user:hunt/hunter2@a.example", "https://user:hunter2", "https://hunter2:x/y",
          "https://a.example/hunter2@b", "https://a.example/otlp#hunter2",
          "https://a.example/otlp?key=hunter2", "https://a.example?hunter2", "https://a:hunter2:b",
          "https://hunter2 @a.example", "hunter2:x@a.example", "https://[hunter2]", "https://[::1]hunter2",
          "https://hunter2_-", "https://a.example/hunter2\"", "https://a.example/hunter2%4"})
      CHECK_MESSAGE(!error_of(url).contains("hunter2"), url);
    CHECK(error_of("https://user:pw@a.example").contains("into the headers"));
    CHECK(error_of("https://a.example/otlp#x").contains("fragment"));
    CHECK(error_of("https://a.example/otlp?x=y").contains("query"));
  }

  TEST_CASE("refuses spaces, control characters and what is not ASCII, anywhere") {
    for (const char* url : {" https://a.example", "https://a.example ", "https://a .example",
                            "https://a.example/o o", "https://a.example\n", "https://a.example/\t",
                            "https://a.example/\x7f", "https://bücher.example", "https://a.example/ü"})
      CHECK_MESSAGE(error_of(url).contains("outside ASCII"), url);
    CHECK(error_of(std::string_view("https://a.example\0/", 19)).contains("control character"));
  }

  TEST_CASE("refuses an invalid host") {
    CHECK(error_of("https://").contains("no host"));
    CHECK(error_of("https:///otlp").contains("no host"));
    CHECK(error_of("https://:4318").contains("no host"));
    CHECK(error_of("https://a..b").contains("empty label"));
    CHECK(error_of("https://127.1").contains("not an IP address"));
    const std::string label(63, 'a');
    const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
    CHECK(parse_endpoint("https://" + longest, Protocol::grpc, EndpointUse::base));
    CHECK(error_of("https://" + longest + "b").contains("253"));
    CHECK(error_of("https://" + label + "a.com").contains("63"));
    CHECK(error_of("https://a.example/" + std::string(2048, 'a')).contains("2048"));
  }

  TEST_CASE("requires brackets around an IPv6 address, and only there") {
    for (const char* url :
         {"http://2001:db8::1", "http://2001:db8::1:4318", "http://[2001:db8::1", "http://[]",
          "http://[192.0.2.1]", "http://[a.example]", "http://[fe80::1%25eth0]", "http://[[::1]]"})
      CHECK_MESSAGE(error_of(url).contains("[2001:db8::1]"), url);
  }

  TEST_CASE("refuses an invalid port") {
    for (const char* port : {":0", ":65536", ":70000", ":-1", ":+1", ":http", ":0x50", ":43 18"})
      CHECK_MESSAGE(
          !parse_endpoint(std::string("http://a.example") + port, Protocol::grpc, EndpointUse::base), port);
    CHECK(error_of("http://a.example:70000").contains("1 to 65535"));
    CHECK(error_of("http://a.example:").contains("without a port"));
    CHECK(error_of("http://[::1]:/otlp").contains("without a port"));
    CHECK(error_of("http://[::1]4318").contains("1 to 65535"));
  }

  TEST_CASE("refuses characters that a URL's path cannot contain") {
    for (const char* path : {"/\"", "/<", "/\\", "/^", "/`", "/{", "/|", "/%", "/%4", "/%zz"})
      CHECK_MESSAGE(!parse_endpoint(std::string("http://a") + path, Protocol::grpc, EndpointUse::signal),
                    path);
    CHECK(parsed("http://a/-._~!$&'()*+,;=:%20").path == "/-._~!$&'()*+,;=:%20");
  }

  TEST_CASE("refuses a base endpoint that names a signal, which Claude Code appends itself") {
    for (const char* url : {"http://a/v1/traces", "http://a/otlp/v1/metrics/", "http://a/v1/logs//"})
      CHECK_MESSAGE(error_of(url).contains("appends itself"), url);
    CHECK(parse_endpoint("http://a/v1/traces", Protocol::http_json, EndpointUse::signal)->path ==
          "/v1/traces");
    CHECK(parse_endpoint("http://a/v1/traces", Protocol::grpc, EndpointUse::base));
    CHECK(parse_endpoint("http://a/v1/tracesx", Protocol::http_json, EndpointUse::base));
  }

  TEST_CASE("an HTTP endpoint has one path per signal, a gRPC endpoint the same path") {
    const auto of = [](const char* url, Protocol protocol, Signal signal) {
      return text(signal_endpoint(parsed(url, protocol), protocol, signal));
    };
    CHECK(of("https://a", Protocol::http_json, Signal::traces) == "https://a/v1/traces");
    CHECK(of("https://a/otlp/", Protocol::http_protobuf, Signal::metrics) == "https://a/otlp/v1/metrics");
    CHECK(of("http://a:4318/", Protocol::http_protobuf, Signal::logs) == "http://a:4318/v1/logs");
    CHECK(of("http://a/x/", Protocol::grpc, Signal::logs) == "http://a:4317/x/");
  }
}
