#include "ostiary/connect/check.h"

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "outcome.h"

using namespace ostiary;
using namespace ostiary::connect;
using telemetry::Signal;

namespace {

using Variables = std::vector<std::string>;

const Variables all_on{"CLAUDE_CODE_ENABLE_TELEMETRY=1", "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1",
                       "OTEL_TRACES_EXPORTER=otlp",      "OTEL_METRICS_EXPORTER=otlp",
                       "OTEL_LOGS_EXPORTER=otlp",        "OTEL_EXPORTER_OTLP_ENDPOINT=https://c:4318"};

Variables with(Variables more) {
  more.insert(more.begin(), all_on.begin(), all_on.end());
  return more;
}

Result<Check> check_of(Variables variables, std::vector<std::pair<std::string, std::string>> files = {}) {
  std::vector<Layer> layers;
  for (auto& [path, text] : files) layers.push_back({path, Secret(std::move(text))});
  return plan_check(config::Environment(std::move(variables)), layers, "0123");
}

Check good(Variables variables, std::vector<std::pair<std::string, std::string>> files = {}) {
  auto check = check_of(std::move(variables), std::move(files));
  REQUIRE_MESSAGE(check, error_of(check));
  return *std::move(check);
}

// "https://c:4318/v1/traces" lines.
std::string destinations(const Check& check) {
  std::string lines;
  for (const relay::CollectorSetup& each : check.setup.collectors)
    lines += std::string(inet::text(each.server.scheme)) + "://" + inet::text(each.server.destination) +
             each.paths.begin()->second + "\n";
  return lines;
}

std::string attributes(const Check& check) {
  std::string lines;
  for (const relay::NamedValue& each : check.setup.attributes) lines += each.name + "=" + each.value + "\n";
  return lines;
}

}  // namespace

TEST_SUITE("connect/check") {
  TEST_CASE("each signal has a batch of its own, to where Claude Code sends it") {
    const Check check = good(with({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://l:1/in"}));
    CHECK(destinations(check) == "https://c:4318/v1/traces\nhttps://c:4318/v1/metrics\nhttp://l:1/in\n");
    CHECK(check.credentials.size() == 3);
    CHECK(check.unsent.empty());
    CHECK(attributes(check) == "service.name=claude-code\nostiary.check=0123\n");
  }

  TEST_CASE("the stronger file replaces single variables") {
    const Check check =
        good(with({"OTEL_RESOURCE_ATTRIBUTES=a=1,service.name=x", "OTEL_SERVICE_NAME=mine"}),
             {{"user", R"({"env": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://u:1"}})"},
              {"managed", R"({"env": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://m:2", "N": 1}})"}});
    CHECK(destinations(check).starts_with("http://m:2/v1/traces\n"));
    CHECK(attributes(check) == "a=1\nservice.name=mine\nostiary.check=0123\n");
  }

  TEST_CASE("a header is sent as Claude Code sends it") {
    const auto sent = [](const std::string& protocol) {
      const Check check =
          good(with({"OTEL_EXPORTER_OTLP_HEADERS=x=a%20b", "OTEL_EXPORTER_OTLP_PROTOCOL=" + protocol}));
      return std::string(check.credentials.front().reveal());
    };
    CHECK(sent("http/protobuf") == "x: a%20b\r\n");
    CHECK(sent("grpc") == "x: a b\r\n");
  }

  TEST_CASE("what Claude Code does not send is said, with the variable") {
    const Check check =
        good(with({"OTEL_METRICS_EXPORTER=", "OTEL_LOGS_EXPORTER=console"}),
             {{"user", R"({"env": {"OTEL_METRICS_EXPORTER": "", "OTEL_LOGS_EXPORTER": "console"}})"}});
    CHECK(check.unsent == std::vector<std::string>{
                              "metrics: not sent by Claude Code, because OTEL_METRICS_EXPORTER is not set: "
                              "write ostiary telemetry connect",
                              "logs: not sent by Claude Code, because OTEL_LOGS_EXPORTER is \"console\", and "
                              "not otlp: write ostiary telemetry connect"});
    CHECK(destinations(check) == "https://c:4318/v1/traces\n");
  }

  TEST_CASE("the files of TLS and the temporality are those of the variables, and a proxy is noted") {
    const Check check =
        good(with({"NODE_EXTRA_CA_CERTS=/a.pem", "CLAUDE_CODE_CLIENT_KEY=/k.pem", "HTTPS_PROXY=http://p:1",
                   "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative"}));
    CHECK(check.setup.tls_files.more_authorities == "/a.pem");
    CHECK(check.setup.tls_files.client_key == "/k.pem");
    CHECK(check.setup.temporality == telemetry::Temporality::cumulative);
    REQUIRE(check.notes.size() == 1);
    CHECK(check.notes.front().starts_with("HTTPS_PROXY is set"));
  }

  TEST_CASE("settings with which nothing is sent, or to another host, are errors") {
    CHECK(error_of(check_of({}))
              .starts_with("Claude Code sends no telemetry, because CLAUDE_CODE_ENABLE_TELEMETRY is not set: "
                           "write ostiary telemetry"));
    CHECK(error_of(check_of(with({"CLAUDE_CODE_ENABLE_TELEMETRY=0"}),
                            {{"user", R"({"env": {"CLAUDE_CODE_ENABLE_TELEMETRY": 0}})"}}))
              .contains(" is not 1: "));
    CHECK(error_of(check_of(Variables(all_on.begin(), all_on.end() - 1)))
              .starts_with(
                  "OTEL_EXPORTER_OTLP_ENDPOINT is not set, so Claude Code sends to http://localhost:4318"));
    CHECK(error_of(check_of({}, {{"/a/settings.json", "{\nx}"}}))
              .starts_with("/a/settings.json: line 2, column 1: "));
  }
}
