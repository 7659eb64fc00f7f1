#include "ostiary/connect/settings.h"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "outcome.h"

using namespace ostiary;
using namespace ostiary::connect;
using Json = nlohmann::ordered_json;

namespace {

const std::string collector = "https://collector.example:4318";

Request with_header(std::string list, std::string endpoint = collector, std::string protocol = {}) {
  Request request{.endpoint = std::move(endpoint), .protocol = std::move(protocol)};
  request.headers = config::Sourced{Secret(std::move(list)), "--header-file h"};
  return request;
}

NewSettings good(const Request& request, Kind kind = Kind::user, std::string_view text = "{}\n") {
  auto made = make_settings(request, kind, text);
  REQUIRE_MESSAGE(made, error_of(made));
  return *std::move(made);
}

Json json_of(const NewSettings& made) {
  return Json::parse(made.text.reveal());
}

Json env_of(const Request& request, std::string_view text = "{}\n") {
  return json_of(good(request, Kind::user, text)).at("env");
}

std::string refusal(const Request& request, std::string_view text = "{}\n") {
  const auto made = make_settings(request, Kind::user, text);
  CHECK(status_of(made) == 78);
  return error_of(made);
}

}  // namespace

TEST_SUITE("connect/settings") {
  TEST_CASE("has every variable without which Claude Code exports nothing") {
    const Json env = env_of({.endpoint = collector});
    for (const char* name : {"OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"})
      CHECK(env.at(name) == "otlp");
    CHECK(env.at("CLAUDE_CODE_ENABLE_TELEMETRY") == "1");
    CHECK(env.at("CLAUDE_CODE_ENHANCED_TELEMETRY_BETA") == "1");
    CHECK(env.at("OTEL_EXPORTER_OTLP_ENDPOINT") == collector);
    CHECK(env.at("OTEL_EXPORTER_OTLP_PROTOCOL") == "http/protobuf");
    CHECK(env.at("OTEL_SERVICE_NAME") == "claude-code");
    CHECK_FALSE(env.contains("OTEL_EXPORTER_OTLP_HEADERS"));
    CHECK_FALSE(env.contains("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"));
  }

  TEST_CASE("each flag is its variable") {
    Request request{.endpoint = "http://c:4317", .protocol = "grpc", .temporality = "cumulative"};
    request.attributes = {"team=blue whales, inc", "cost.center=42", "empty="};
    request.content = {{"OTEL_LOG_USER_PROMPTS", config::Choice::yes},
                       {"OTEL_LOG_RAW_API_BODIES", config::Choice::no}};
    const Json env = env_of(request);
    CHECK(env.at("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc");
    CHECK(env.at("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE") == "cumulative");
    CHECK(env.at("OTEL_RESOURCE_ATTRIBUTES") == "cost.center=42,empty=,team=blue%20whales%2C%20inc");
    CHECK(env.at("OTEL_LOG_USER_PROMPTS") == "1");
    CHECK(env.at("OTEL_LOG_ASSISTANT_RESPONSES") == "1");
    CHECK(env.at("OTEL_LOG_TOOL_DETAILS") == "0");
    CHECK(env.at("OTEL_LOG_RAW_API_BODIES") == "0");
  }

  TEST_CASE("no content is sent unless the user asks for it") {
    const Json env = env_of({.endpoint = collector});
    for (const ContentSwitch& each : content_switches) CHECK(env.at(std::string(each.variable)) == "0");
  }

  TEST_CASE("Grafana Cloud gets cumulative metrics") {
    CHECK(env_of({.endpoint = "https://otlp-gateway-prod-eu-west-0.grafana.net/otlp"})
              .at("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE") == "cumulative");
  }

  TEST_CASE("a header is written as Claude Code reads it for the protocol") {
    const auto header = [](std::string_view value, std::string endpoint, std::string protocol) {
      const Secret list = join_header("Authorization", value);
      return env_of(with_header(std::string(list.reveal()), std::move(endpoint), std::move(protocol)))
          .at("OTEL_EXPORTER_OTLP_HEADERS")
          .get<std::string>();
    };
    CHECK(header("Basic a%2Bb;c=\n", collector, "") == "Authorization=Basic a%2Bb;c=");
    CHECK(header("Basic a%2Bb;c=", collector, "grpc") == "Authorization=Basic a%252Bb%3Bc=");
    CHECK(header("Basic \"q\\", collector, "") == "Authorization=Basic \"q\\");
    CHECK(good(with_header("a=b")).has_secret);
    CHECK_FALSE(good({.endpoint = collector}).has_secret);
  }

  TEST_CASE("a file with headers may have either form") {
    CHECK(read_headers("Authorization: Bearer a=b:c%20\r\n\nx-scope: 1 \n").reveal() ==
          "Authorization=Bearer a=b:c%2520,x-scope=1");
    CHECK(read_headers("Authorization=Basic%20dTpw==,x=a:b\n").reveal() ==
          "Authorization=Basic%20dTpw==,x=a:b");
    CHECK(read_headers("\n").empty());
  }

  TEST_CASE("what Claude Code ignores without a word is refused") {
    CHECK(refusal({.endpoint = "collector.example:4317"})
              .starts_with("--endpoint: has no scheme: write https://"));
    CHECK(refusal({.endpoint = collector + "/v1/metrics"}) ==
          "--endpoint: ends in /v1/metrics, which Claude Code appends itself: write the URL without it");
    CHECK(refusal({.endpoint = collector, .protocol = "http"}) ==
          "--protocol: 'http' is not a protocol: write http/protobuf (or http/json, or grpc)");
    CHECK(refusal({.endpoint = collector + "/otlp", .protocol = "grpc"}) ==
          "--endpoint: has a path, which Claude Code ignores over gRPC: write the URL without it");
    CHECK(refusal({.endpoint = collector, .temporality = "Delta"}) ==
          "--temporality: \"Delta\" is no temporality: write delta or cumulative");
    const auto attribute = [](std::string written) {
      Request request{.endpoint = collector};
      request.attributes = {std::move(written)};
      return refusal(request);
    };
    CHECK(attribute("team") == "--attribute: \"team\" has no '=': write key=value, as in team=platform");
    CHECK(attribute("te am=x").starts_with("--attribute: attribute 'te am' has a key with a character"));
    CHECK(attribute("=x").starts_with("--attribute: attribute '' has an empty key"));
    CHECK(attribute("a=" + std::string(256, 'x')).contains("more than 255 characters"));
    CHECK(
        refusal(with_header("Authorization=a%2Cb")) ==
        "--header-file h: header 1 has a comma in its value, at which Claude Code would split it: remove it");
    CHECK(refusal(with_header("x")) == "--header-file h: header 1 has no '=': write name=value");
    CHECK(refusal({.endpoint = collector}, R"({"env": {"OTEL_RESOURCE_ATTRIBUTES": "a=b,,c=d"}})") ==
          "env.OTEL_RESOURCE_ATTRIBUTES: pair 2 is empty: remove the stray comma");
  }

  TEST_CASE("the file's own variables stay, except those that send telemetry elsewhere") {
    const NewSettings made = good({.endpoint = collector}, Kind::user, R"({
  "env": {
    "PATH_OF_MINE": "/x",
    "HTTPS_PROXY": "http://proxy:3128",
    "OTEL_METRICS_EXPORTER": "prometheus",
    "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "0",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://old:4318/v1/metrics",
    "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=old",
    "BETA_TRACING_ENDPOINT": "http://old:4318",
    "OTEL_LOG_USER_PROMPTS": 1,
    "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    "OTEL_RESOURCE_ATTRIBUTES": "team=red,owner=me"
  }
})");
    const Json env = json_of(made).at("env");
    CHECK(env.at("PATH_OF_MINE") == "/x");
    CHECK(env.at("HTTPS_PROXY") == "http://proxy:3128");
    CHECK(env.at("OTEL_METRICS_EXPORTER") == "otlp");
    CHECK(env.at("CLAUDE_CODE_ENHANCED_TELEMETRY_BETA") == "1");
    CHECK(env.at("OTEL_LOG_USER_PROMPTS") == "1");
    CHECK(env.at("OTEL_METRIC_EXPORT_INTERVAL") == "1000");
    CHECK(env.at("OTEL_RESOURCE_ATTRIBUTES") == "owner=me,team=red");
    CHECK(made.taken_out == std::vector<std::string>{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
                                                     "OTEL_EXPORTER_OTLP_HEADERS", "BETA_TRACING_ENDPOINT"});
    for (const std::string& name : made.taken_out) CHECK_FALSE(env.contains(name));
  }

  TEST_CASE("an attribute of the request replaces one of the file") {
    Request request{.endpoint = collector};
    request.attributes = {"team=blue"};
    CHECK(env_of(request, R"({"env": {"OTEL_RESOURCE_ATTRIBUTES": "team=red,owner=me"}})")
              .at("OTEL_RESOURCE_ATTRIBUTES") == "owner=me,team=blue");
  }

  TEST_CASE("settings of a whole machine cannot be overridden, and leave its proxy") {
    const Json managed = json_of(good(with_header("x-key=hunter2"), Kind::managed));
    const Json& env = managed.at("env");
    CHECK(env.at("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") == collector + "/v1/metrics");
    CHECK(env.at("BETA_TRACING_ENDPOINT") == "");
    CHECK(env.at("OTEL_EXPORTER_OTLP_HEADERS") == "x-key=hunter2");
    CHECK_FALSE(env.contains("HTTPS_PROXY"));
    CHECK_FALSE(env.contains("no_proxy"));
    CHECK(managed.at("otelHeadersHelper") == "");
    CHECK(managed.at("hooks").contains("SessionStart"));
    CHECK(json_of(good({.endpoint = collector})).size() == 1);
  }

  TEST_CASE("the secret is masked") {
    const auto made = make_settings(with_header("x-key=hunter2"), Kind::managed, "{}", Secrets::masked);
    REQUIRE(made);
    CHECK_FALSE(made->text.reveal().contains("hunter2"));
    CHECK(json_of(*made).at("env").at("OTEL_EXPORTER_OTLP_HEADERS") == "(secret)");
  }

  TEST_CASE("a registry file has the settings on one line, without the hook") {
    const auto reg = write_form(good(with_header("x-key=a\"\\"), Kind::managed).text, Form::reg);
    REQUIRE(reg);
    CHECK(reg->reveal().starts_with(
        "Windows Registry Editor Version 5.00\r\n\r\n"
        "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\ClaudeCode]\r\n\"Settings\"=\"{\\\"env"));
    CHECK(reg->reveal().contains(R"(x-key=a\\\"\\\\)"));
    CHECK_FALSE(reg->reveal().contains("SessionStart"));
    CHECK(std::ranges::count(reg->reveal(), '\n') == 4);
  }
}
