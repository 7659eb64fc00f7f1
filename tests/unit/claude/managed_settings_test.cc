#include "ostiary/claude/managed_settings.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "telemetry/made_up.h"

using namespace ostiary::claude;
using namespace ostiary::telemetry;
using Json = nlohmann::json;

namespace {

// Of an agent that sends by itself.
Json managed(const ostiary::config::MadeUp& container) {
  const std::string text = render_managed_settings(direct_telemetry(container).on());
  CHECK_FALSE(text.contains("hunter2"));
  CHECK_FALSE(text.contains("HEADERS"));
  CHECK(text.ends_with("}\n"));
  const Json json = Json::parse(text, nullptr, false);
  REQUIRE(json.is_object());
  CHECK(json.size() == (json.contains("hooks") ? 3 : 2));
  CHECK(json.at("otelHeadersHelper") == "");
  return json.at("env");
}

}  // namespace

TEST_SUITE("claude/managed_settings") {
  TEST_CASE("sets every signal's endpoint and protocol, so that a project cannot redirect one") {
    const Json env = managed({.environment = grafana_trio});
    const std::string base = "https://otlp-gateway-prod-eu-west-0.grafana.net/otlp";
    CHECK(env.at("OTEL_EXPORTER_OTLP_ENDPOINT") == base);
    for (const char* signal : {"traces", "metrics", "logs"}) {
      std::string upper;
      for (const char c : std::string_view(signal)) upper += static_cast<char>(c - 32);
      CHECK(env.at("OTEL_EXPORTER_OTLP_" + upper + "_ENDPOINT") == base + "/v1/" + signal);
      CHECK(env.at("OTEL_EXPORTER_OTLP_" + upper + "_PROTOCOL") == "http/protobuf");
      CHECK(env.at("OTEL_" + upper + "_EXPORTER") == "otlp");
    }
    CHECK(env.at("CLAUDE_CODE_ENABLE_TELEMETRY") == "1");
    CHECK(env.at("OTEL_LOG_USER_PROMPTS") == "1");
    CHECK(env.at("OTEL_SERVICE_NAME") == "claude-code");
  }

  TEST_CASE("has a hook for the start of a session if traces are exported") {
    const auto hooks = [](const ostiary::config::MadeUp& container) {
      const std::string text = render_managed_settings(direct_telemetry(container).on());
      return Json::parse(text).value("hooks", Json());
    };
    CHECK(hooks({.environment = grafana_trio}) ==
          Json::parse(R"({"SessionStart":[{"hooks":[{"type":"command","command":"sleep 0.2"}]}]})"));
    CHECK(hooks({.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "OTEL_TRACES_EXPORTER=none"}})
              .is_null());
  }

  TEST_CASE("sets variables to nothing that would bypass the endpoints") {
    const Json env = managed({.environment = grafana_trio});
    for (const char* name : {"BETA_TRACING_ENDPOINT", "ENABLE_BETA_TRACING_DETAILED", "HTTPS_PROXY",
                             "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY",
                             "all_proxy", "GRPC_PROXY", "grpc_proxy", "NO_GRPC_PROXY", "no_grpc_proxy"})
      CHECK_MESSAGE(env.value(name, "missing") == "", name);
  }

  TEST_CASE("does not set a proxy that the container sets, in either spelling, and does not show it") {
    const Json env = managed({.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318",
                                              "https_proxy=http://u:hunter2@proxy:3128",
                                              "BETA_TRACING_ENDPOINT=http://elsewhere:4318"}});
    CHECK_FALSE(env.contains("https_proxy"));
    CHECK_FALSE(env.contains("HTTPS_PROXY"));
    CHECK(env.at("HTTP_PROXY") == "");
    CHECK(env.at("grpc_proxy") == "");
    CHECK(env.at("BETA_TRACING_ENDPOINT") == "");
  }

  TEST_CASE("does not set any kind of proxy that the container sets") {
    for (const std::string name : {"all_proxy", "GRPC_PROXY", "no_grpc_proxy", "ALL_PROXY"}) {
      const Json env = managed({.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317",
                                                name + "=http://u:hunter2@proxy:3128"}});
      CHECK_FALSE_MESSAGE(env.contains(name), name);
      CHECK(env.at("HTTPS_PROXY") == "");
    }
  }

  TEST_CASE("sets none for a signal that is not exported") {
    const Json env = managed({.environment = {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://c:4317",
                                              "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=grpc",
                                              "OTEL_EXPORTER_OTLP_LOGS_HEADERS=x-key=hunter2"}});
    CHECK(env.at("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT") == "http://c:4317");
    CHECK(env.at("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL") == "grpc");
    CHECK(env.at("OTEL_TRACES_EXPORTER") == "none");
    CHECK_FALSE(env.contains("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"));
  }

  TEST_CASE("does not contain the module's headers, and is valid JSON for any environment") {
    const Json env = managed(
        {.environment = {
             R"(OSTIARY_TELEMETRY={"otlp_endpoint": "http://c:4318", "otlp_headers": {"x-key": "hunter2"}})",
             "OTEL_SERVICE_NAME=a\"\\\n\xff"}});
    CHECK(env.at("OTEL_SERVICE_NAME").get<std::string>().starts_with("a\"\\\n"));
  }

  TEST_CASE("beside a relay every signal goes to it, without a header and without compression") {
    const std::string text = render_managed_settings(good_telemetry({.environment = grafana_trio}).on());
    CHECK_FALSE(text.contains("grafana.net"));
    CHECK_FALSE(text.contains("hunter2"));
    CHECK_FALSE(text.contains("Authorization"));
    const Json json = Json::parse(text);
    CHECK(json.at("otelHeadersHelper") == "");
    const Json& env = json.at("env");
    CHECK(env.at("OTEL_EXPORTER_OTLP_ENDPOINT") == "http://127.0.0.1:15354");
    CHECK(env.at("OTEL_EXPORTER_OTLP_COMPRESSION") == "none");
    CHECK(env.at("OTEL_EXPORTER_OTLP_HEADERS") == "");
    for (const auto& [upper, lower] :
         {std::pair{"TRACES", "traces"}, {"METRICS", "metrics"}, {"LOGS", "logs"}}) {
      const std::string name = std::string("OTEL_EXPORTER_OTLP_") + upper;
      CHECK(env.at(name + "_ENDPOINT") == std::string("http://127.0.0.1:15354/v1/") + lower);
      CHECK(env.at(name + "_PROTOCOL") == "http/protobuf");
      CHECK(env.at(name + "_HEADERS") == "");
      CHECK(env.at(name + "_COMPRESSION") == "");
    }
  }

  TEST_CASE("a variable of the relay is set if it leads there, with telemetry and without") {
    const std::vector<ostiary::relay::AgentVariable> variables{
        {.name = "URL",
         .value = "http://127.0.0.1:15355",
         .place = ostiary::relay::AgentVariable::Place::managed_settings_too},
        {.name = "KEY", .value = "kept-by-ostiary"}};
    const Json alone = Json::parse(render_managed_settings(nullptr, variables));
    CHECK(alone == Json{{"env", {{"URL", "http://127.0.0.1:15355"}}}});
    const Json both =
        Json::parse(render_managed_settings(good_telemetry({.environment = grafana_trio}).on(), variables));
    CHECK(both.at("env").at("URL") == "http://127.0.0.1:15355");
    CHECK(both.at("env").at("CLAUDE_CODE_ENABLE_TELEMETRY") == "1");
    CHECK_FALSE(both.at("env").contains("KEY"));
  }
}
