#include "telemetry/source.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "telemetry/made_up.h"

using namespace ostiary::telemetry;
using ostiary::error_of;
using ostiary::status_of;
using ostiary::config::good_config;
using ostiary::config::MadeUp;

namespace {

const std::string collector = "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318";
const std::string module_object = R"(OSTIARY_TELEMETRY={"otlp_endpoint": "https://module.example"})";

std::string source_of(const MadeUp& container) {
  const auto source = find_source(good_config(container));
  if (!source) return source.error().message;
  return *source ? std::string(ostiary::config::text(**source)) : "none";
}

// Names, separated by spaces.
std::string missing_of(const MadeUp& container) {
  std::string names;
  for (const std::string& name : missing_from(good_telemetry(container)))
    names += (names.empty() ? "" : " ") + name;
  return names;
}

std::string refusal(const MadeUp& container) {
  const auto telemetry = telemetry_of(container);
  CHECK(status_of(telemetry) == 78);
  return error_of(telemetry);
}

}  // namespace

TEST_SUITE("telemetry/source") {
  TEST_CASE("the source is the one that is configured") {
    CHECK(source_of({}) == "none");
    CHECK(source_of({.environment = grafana_trio}) == "grafana-cloud");
    CHECK(source_of({.environment = {"GRAFANA_API_TOKEN=t"}}) == "grafana-cloud");
    CHECK(source_of({.environment = {collector}}) == "otlp");
    CHECK(source_of({.environment = {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://c:4318/v1/logs"}}) == "otlp");
    CHECK(source_of({.environment = {module_object}}) == "module");
    CHECK(source_of({.files = {{"/etc/ostiary/policy.json", R"({"telemetry": {}})"}}}) == "module");
    CHECK(source_of({.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=", "CLAUDE_CODE_ENABLE_TELEMETRY=1"}}) ==
          "none");
  }

  TEST_CASE("two sources at once are an error that names both and their variables") {
    CHECK(source_of({.environment = trio_and({collector})}) ==
          "telemetry is configured twice, by grafana-cloud (GRAFANA_INSTANCE_ID) and by otlp "
          "(OTEL_EXPORTER_OTLP_ENDPOINT): keep one, or choose with --telemetry");
    CHECK(source_of({.environment = {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://c", module_object}}) ==
          "telemetry is configured twice, by otlp (OTEL_EXPORTER_OTLP_LOGS_ENDPOINT) and by module "
          "(OSTIARY_TELEMETRY): keep one, or choose with --telemetry");
    CHECK(source_of(
              {.environment = {module_object}, .files = {{"/run/secrets/GRAFANA_API_TOKEN", "hunter2"}}}) ==
          "telemetry is configured twice, by grafana-cloud (/run/secrets/GRAFANA_API_TOKEN) and by module "
          "(OSTIARY_TELEMETRY): keep one, or choose with --telemetry");
  }

  TEST_CASE("an explicit choice decides between all sources") {
    for (const char* choice : {"grafana-cloud", "otlp", "module", "off"}) {
      CHECK(source_of({.environment = trio_and({collector, module_object}),
                       .flags = {{"telemetry_source", choice}}}) == choice);
      CHECK(source_of({.flags = {{"telemetry_source", choice}}}) == choice);
    }
  }

  TEST_CASE("a module that is not enabled is no second source") {
    CHECK(source_of({.environment = trio_and({R"(OSTIARY_TELEMETRY={"enabled": false})"})}) ==
          "grafana-cloud");
  }

  TEST_CASE("names the variables that would complete a source") {
    CHECK(missing_of({.environment = grafana_trio}).empty());
    CHECK(missing_of({.environment = {grafana_trio[1], grafana_trio[2]}}) == "GRAFANA_INSTANCE_ID");
    CHECK(missing_of({.environment = {grafana_trio[0], grafana_trio[2]}}) == "GRAFANA_API_TOKEN");
    CHECK(missing_of({.environment = {grafana_trio[0], grafana_trio[1]}}) == "GRAFANA_OTLP_ENDPOINT");
    CHECK(missing_of({.environment = {grafana_trio[0]}}) == "GRAFANA_API_TOKEN GRAFANA_OTLP_ENDPOINT");
    CHECK(missing_of({.flags = {{"telemetry_source", "grafana-cloud"}}}) ==
          "GRAFANA_INSTANCE_ID GRAFANA_API_TOKEN GRAFANA_OTLP_ENDPOINT");
    CHECK(missing_of({.environment = {"OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}}) == "OTEL_EXPORTER_OTLP_ENDPOINT");
    CHECK(missing_of({.environment = {"OTEL_EXPORTER_OTLP_HEADERS=a=b"}}) == "OTEL_EXPORTER_OTLP_ENDPOINT");
    CHECK(missing_of({.environment = {"OSTIARY_TELEMETRY={}"}}) == "OSTIARY_TELEMETRY: otlp_endpoint");
    CHECK(missing_of(
              {.files = {{"/etc/ostiary/policy.json", R"({"telemetry": {"otlp_protocol": "grpc"}})"}}}) ==
          "/etc/ostiary/policy.json: otlp_endpoint");
    CHECK(missing_of({.flags = {{"telemetry_source", "module"}}}) == "OSTIARY_TELEMETRY");
    CHECK(missing_of({.flags = {{"telemetry_source", "off"}}}).empty());
  }

  TEST_CASE("a malformed value is an error that names the variable, without its text") {
    struct Row {
      std::vector<std::string> environment;
      std::string begins;
    };
    const std::vector<Row> rows{
        {{grafana_trio[0], grafana_trio[1], "GRAFANA_OTLP_ENDPOINT=hunter2"},
         "GRAFANA_OTLP_ENDPOINT: has no scheme"},
        {{grafana_trio[0], grafana_trio[1], "GRAFANA_OTLP_ENDPOINT=https://u:hunter2@g.net/otlp"},
         "GRAFANA_OTLP_ENDPOINT: has an '@'"},
        {{"GRAFANA_INSTANCE_ID=1:hunter2", grafana_trio[1], grafana_trio[2]},
         "GRAFANA_INSTANCE_ID: holds a colon"},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT=hunter2:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT: has no scheme"},
        {{collector, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://c:70000"},
         "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: has text after the host that is not a port"},
        {{collector, "OTEL_EXPORTER_OTLP_PROTOCOL=http"},
         "OTEL_EXPORTER_OTLP_PROTOCOL: 'http' is not a protocol"},
        {{collector, "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=GRPC"},
         "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: is not a protocol"},
        {{collector, "OTEL_EXPORTER_OTLP_HEADERS=hunter2"},
         "OTEL_EXPORTER_OTLP_HEADERS: header 1 has no '='"},
        {{collector, "OTEL_EXPORTER_OTLP_METRICS_HEADERS=a=hunter2%"},
         "OTEL_EXPORTER_OTLP_METRICS_HEADERS: header 1 has a '%'"},
        {{R"(OSTIARY_TELEMETRY={"otlp_endpoint": "hunter2"})"},
         "OSTIARY_TELEMETRY: otlp_endpoint: has no scheme"},
        {{R"(OSTIARY_TELEMETRY={"otlp_endpoint": "http://c", "otlp_protocol": "hunter2"})"},
         "OSTIARY_TELEMETRY: otlp_protocol: is not a protocol"},
        {{R"(OSTIARY_TELEMETRY={"otlp_endpoint": "http://c", "otlp_headers": {"a": "hunter2,b"}})"},
         "OSTIARY_TELEMETRY: otlp_headers: a header has a comma"},
    };
    for (const Row& row : rows) {
      const std::string error = refusal({.environment = row.environment});
      CHECK_MESSAGE(error.starts_with(row.begins), error);
      CHECK_MESSAGE(!error.contains("hunter2"), error);
    }
  }

  TEST_CASE("a malformed value in a source that is not chosen does not matter") {
    const Telemetry telemetry =
        good_telemetry({.environment = trio_and({"OTEL_EXPORTER_OTLP_ENDPOINT=nonsense"}),
                        .flags = {{"telemetry_source", "grafana-cloud"}}});
    CHECK(text(telemetry.state) == "on");
  }

  TEST_CASE("builds the standard names of variables") {
    CHECK(otlp_variable({}, "ENDPOINT") == "OTEL_EXPORTER_OTLP_ENDPOINT");
    CHECK(otlp_variable(Signal::traces, "HEADERS") == "OTEL_EXPORTER_OTLP_TRACES_HEADERS");
    CHECK(otlp_variable(Signal::metrics, "PROTOCOL") == "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL");
  }
}
