#include "ostiary/telemetry/telemetry.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "telemetry/made_up.h"

using namespace ostiary::telemetry;
using ostiary::error_of;
using ostiary::status_of;
using ostiary::config::MadeUp;

namespace {

using Names = std::vector<std::string>;

const std::string collector = "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318";

// Lines "NAME=value <source>", including secret values.
std::string variables_of(const Telemetry& telemetry) {
  std::string lines;
  for (const Variable& variable : telemetry.variables())
    lines += variable.name + "=" + std::string(variable.value.reveal()) + " <" + variable.source + ">" +
             (variable.secrecy == Secrecy::secret ? " secret" : "") + "\n";
  return lines;
}

// Lines "key=value <source>".
std::string attributes_of(const Telemetry& telemetry) {
  std::string lines;
  for (const Attribute& attribute : telemetry.attributes)
    lines += attribute.key + "=" + attribute.value + " <" + attribute.source + ">\n";
  return lines;
}

MadeUp with_attributes(std::string_view attributes) {
  return {.environment = {collector, "OTEL_RESOURCE_ATTRIBUTES=" + std::string(attributes)}};
}

MadeUp with_module(const std::string& members) {
  return {.environment = {"OSTIARY_TELEMETRY={" + members + "}"}};
}

}  // namespace

TEST_SUITE("telemetry/telemetry") {
  TEST_CASE("nothing configured: the agent gets nothing and keeps what the user set") {
    const Telemetry telemetry = direct_telemetry(
        {.environment = {"CLAUDE_CODE_ENABLE_TELEMETRY=1", "OTEL_METRICS_EXPORTER=console"}});
    CHECK(text(telemetry.state) == "not-configured");
    CHECK(telemetry.variables().empty());
    CHECK(telemetry.withheld.empty());
    CHECK(telemetry.routes().empty());
    CHECK(missing_from(telemetry).empty());
  }

  TEST_CASE("Grafana Cloud's trio: everything Claude Code needs to export, and nothing else") {
    const Telemetry telemetry = direct_telemetry({.environment = grafana_trio});
    CHECK(text(telemetry.state) == "on");
    CHECK(variables_of(telemetry) ==
          "CLAUDE_CODE_ENABLE_TELEMETRY=1 <ostiary>\n"
          "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA=1 <default>\n"
          "OTEL_TRACES_EXPORTER=otlp <default>\n"
          "OTEL_METRICS_EXPORTER=otlp <default>\n"
          "OTEL_LOGS_EXPORTER=otlp <default>\n"
          "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf <grafana-cloud>\n"
          "OTEL_EXPORTER_OTLP_ENDPOINT=https://otlp-gateway-prod-eu-west-0.grafana.net/otlp <grafana-cloud>\n"
          "OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic MTIzNDU2OmdsY19odW50ZXIy <grafana-cloud> secret\n"
          "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative <default>\n"
          "OTEL_LOG_USER_PROMPTS=1 <default>\n"
          "OTEL_LOG_ASSISTANT_RESPONSES=1 <default>\n"
          "OTEL_LOG_TOOL_DETAILS=1 <default>\n"
          "OTEL_LOG_TOOL_CONTENT=0 <default>\n"
          "OTEL_LOG_RAW_API_BODIES=0 <default>\n"
          "OTEL_SERVICE_NAME=claude-code <default>\n");
    CHECK(routes_of(telemetry) ==
          "traces https://otlp-gateway-prod-eu-west-0.grafana.net/otlp/v1/traces over http/protobuf\n"
          "metrics https://otlp-gateway-prod-eu-west-0.grafana.net/otlp/v1/metrics over http/protobuf\n"
          "logs https://otlp-gateway-prod-eu-west-0.grafana.net/otlp/v1/logs over http/protobuf\n");
    CHECK(telemetry.warnings == Names{left_with_the_agent});
  }

  TEST_CASE("an incomplete trio is off: nothing is set, and variables that could switch it on are withheld") {
    const Telemetry telemetry = direct_telemetry(
        {.environment = {grafana_trio[0], grafana_trio[2], "CLAUDE_CODE_ENABLE_TELEMETRY=1",
                         "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_RESOURCE_ATTRIBUTES=a=b"}});
    CHECK(text(telemetry.state) == "incomplete");
    CHECK(missing_from(telemetry) == Names{"GRAFANA_API_TOKEN"});
    CHECK(telemetry.variables().empty());
    CHECK(telemetry.routes().empty());
    CHECK(telemetry.withheld == Names{"CLAUDE_CODE_ENABLE_TELEMETRY", "OTEL_EXPORTER_OTLP_PROTOCOL"});
  }

  TEST_CASE("switched off: nothing is set, and all configured destinations are withheld") {
    const Telemetry telemetry = direct_telemetry(
        {.environment = trio_and({collector, "OTEL_EXPORTER_OTLP_LOGS_HEADERS=a=b",
                                  "OTEL_TRACES_EXPORTER=otlp", "OTEL_SERVICE_NAME=x", "HOME=/"}),
         .flags = {{"telemetry_source", "off"}}});
    CHECK(text(telemetry.state) == "switched-off");
    CHECK(telemetry.variables().empty());
    CHECK(telemetry.routes().empty());
    CHECK(telemetry.withheld ==
          Names{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_HEADERS", "OTEL_TRACES_EXPORTER"});
  }

  TEST_CASE("a collector accepts each protocol, with its default port") {
    struct Row {
      std::string endpoint;
      std::string protocol;
      std::string given_endpoint;
      std::string traces;
    };
    const std::vector<Row> rows{
        {"http://c", "http/protobuf", "http://c", "http://c/v1/traces"},
        {"http://c", "http/json", "http://c", "http://c/v1/traces"},
        {"http://c", "grpc", "http://c:4317", "http://c:4317"},
        {"https://c", "http/protobuf", "https://c", "https://c/v1/traces"},
        {"https://c", "grpc", "https://c:4317", "https://c:4317"},
        {"https://c:443", "grpc", "https://c:443", "https://c:443"},
        {"http://c:4318/", "http/protobuf", "http://c:4318/", "http://c:4318/v1/traces"},
        {"http://[2001:db8::1]:4318/a", "http/json", "http://[2001:db8::1]:4318/a",
         "http://[2001:db8::1]:4318/a/v1/traces"},
    };
    for (const Row& row : rows) {
      const Telemetry telemetry =
          direct_telemetry({.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=" + row.endpoint,
                                            "OTEL_EXPORTER_OTLP_PROTOCOL=" + row.protocol}});
      CHECK(given(telemetry, "OTEL_EXPORTER_OTLP_PROTOCOL") == "OTEL_EXPORTER_OTLP_PROTOCOL=" + row.protocol);
      CHECK(given(telemetry, "OTEL_EXPORTER_OTLP_ENDPOINT") ==
            "OTEL_EXPORTER_OTLP_ENDPOINT=" + row.given_endpoint);
      REQUIRE(telemetry.routes().size() == 3);
      CHECK(text(telemetry.routes()[0].endpoint) == row.traces);
    }
  }

  TEST_CASE("a collector without a protocol gets http/protobuf, which Claude Code has no default for") {
    CHECK(given(direct_telemetry({.environment = {collector}}), "OTEL_EXPORTER_OTLP_PROTOCOL") ==
          "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf");
  }

  TEST_CASE("a signal can have its own endpoint, protocol and headers") {
    const Telemetry telemetry = direct_telemetry(
        {.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=https://all.example",
                         "OTEL_EXPORTER_OTLP_HEADERS=x-all=1",
                         "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://traces.example:9999/intake",
                         "OTEL_EXPORTER_OTLP_TRACES_HEADERS=Authorization=Basic%20dDp0",
                         "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=grpc"}});
    CHECK(routes_of(telemetry) ==
          "traces http://traces.example:9999/intake over http/protobuf\n"
          "metrics https://all.example:4317 over grpc\n"
          "logs https://all.example/v1/logs over http/protobuf\n");
    for (const char* expected :
         {"OTEL_EXPORTER_OTLP_ENDPOINT=https://all.example", "OTEL_EXPORTER_OTLP_HEADERS=x-all=1",
          "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://traces.example:9999/intake",
          "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf",
          "OTEL_EXPORTER_OTLP_TRACES_HEADERS=Authorization=Basic dDp0",
          "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=https://all.example:4317",
          "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"}) {
      const std::string_view line = expected;
      CHECK(given(telemetry, line.substr(0, line.find('='))) == line);
    }
  }

  TEST_CASE("an HTTP signal gets its path even if the base protocol is gRPC") {
    CHECK(routes_of(direct_telemetry(
              {.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=https://c", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
                               "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=http/json"}})) ==
          "traces https://c:4317 over grpc\n"
          "metrics https://c:4317 over grpc\n"
          "logs https://c/v1/logs over http/json\n");
  }

  TEST_CASE("if only one signal has an endpoint, the exporters of the others are none") {
    const Telemetry telemetry = direct_telemetry(
        {.environment = {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://m:4318/v1/metrics",
                         "OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_TRACES_HEADERS=a=b"}});
    CHECK(routes_of(telemetry) == "metrics http://m:4318/v1/metrics over http/protobuf\n");
    CHECK(given(telemetry, "OTEL_METRICS_EXPORTER") == "OTEL_METRICS_EXPORTER=otlp");
    CHECK(given(telemetry, "OTEL_TRACES_EXPORTER") == "OTEL_TRACES_EXPORTER=none");
    CHECK(given(telemetry, "OTEL_LOGS_EXPORTER") == "OTEL_LOGS_EXPORTER=none");
    CHECK(given(telemetry, "OTEL_EXPORTER_OTLP_ENDPOINT") == "OTEL_EXPORTER_OTLP_ENDPOINT");
    CHECK(telemetry.withheld == Names{"OTEL_EXPORTER_OTLP_TRACES_HEADERS"});
  }

  TEST_CASE("the module's object gives endpoint, protocol and credentials") {
    const Telemetry telemetry =
        direct_telemetry(with_module(R"("otlp_endpoint": "https://m.example", "otlp_protocol": "grpc",
                       "otlp_headers": {"Authorization": "Bearer%20t", "x-scope": "a"})"));
    CHECK(text(telemetry.state) == "on");
    CHECK(given(telemetry, "OTEL_EXPORTER_OTLP_ENDPOINT") ==
          "OTEL_EXPORTER_OTLP_ENDPOINT=https://m.example:4317");
    CHECK(given(telemetry, "OTEL_EXPORTER_OTLP_PROTOCOL") == "OTEL_EXPORTER_OTLP_PROTOCOL=grpc");
    CHECK(given(telemetry, "OTEL_EXPORTER_OTLP_HEADERS") ==
          "OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer t,x-scope=a");
    CHECK(given(telemetry, "OTEL_LOG_USER_PROMPTS") == "OTEL_LOG_USER_PROMPTS=0");
  }

  TEST_CASE("a module without an endpoint is incomplete, one that is not enabled exports nothing") {
    CHECK(text(direct_telemetry(with_module("")).state) == "incomplete");
    MadeUp disabled = with_module(R"("enabled": false, "otlp_endpoint": "https://m.example")");
    CHECK(text(direct_telemetry(disabled).state) == "switched-off");
    CHECK(
        std::get<SwitchedOff>(direct_telemetry(disabled).state).reason.starts_with("\"enabled\": false in "));
    CHECK(missing_from(direct_telemetry(disabled)).empty());
    CHECK(direct_telemetry(disabled).variables().empty());
    disabled.flags["telemetry_source"] = "module";
    CHECK(text(direct_telemetry(disabled).state) == "switched-off");
    CHECK(direct_telemetry(disabled).variables().empty());
  }

  TEST_CASE("variables of a source that was not chosen are withheld") {
    const Telemetry telemetry = direct_telemetry(
        {.environment = trio_and({collector, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://elsewhere",
                                  "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_HEADERS=a=b"}),
         .flags = {{"telemetry_source", "grafana-cloud"}}});
    CHECK(telemetry.withheld ==
          Names{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL"});
    CHECK(given(telemetry, "OTEL_EXPORTER_OTLP_HEADERS") ==
          "OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic MTIzNDU2OmdsY19odW50ZXIy");
    CHECK(given(telemetry, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  }

  TEST_CASE("content goes to Grafana Cloud and not to others; the user's own variable wins") {
    struct Row {
      std::string_view name;
      std::string_view grafana_cloud;
    };
    const std::vector<Row> rows{{"OTEL_LOG_USER_PROMPTS", "1"},
                                {"OTEL_LOG_ASSISTANT_RESPONSES", "1"},
                                {"OTEL_LOG_TOOL_DETAILS", "1"},
                                {"OTEL_LOG_TOOL_CONTENT", "0"},
                                {"OTEL_LOG_RAW_API_BODIES", "0"}};
    for (const Row& row : rows) {
      const std::string set = std::string(row.name) + "=";
      CHECK(given(direct_telemetry({.environment = grafana_trio}), row.name) ==
            set + std::string(row.grafana_cloud));
      CHECK(given(direct_telemetry({.environment = {collector}}), row.name) == set + "0");
      const std::string other = set + (row.grafana_cloud == "1" ? "0" : "1");
      CHECK(given(direct_telemetry({.environment = trio_and({other})}), row.name) == other);
      CHECK(given(direct_telemetry({.environment = {collector, set + "1"}}), row.name) == set + "1");
    }
  }

  TEST_CASE("Grafana Cloud gets cumulative metrics with every source; otherwise there is a warning") {
    constexpr std::string_view name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
    const std::string set = std::string(name) + "=";
    CHECK(given(direct_telemetry({.environment = grafana_trio}), name) == set + "cumulative");
    CHECK(given(direct_telemetry(
                    {.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=https://otlp-gateway-x.grafana.net/otlp"}}),
                name) == set + "cumulative");
    CHECK(
        given(direct_telemetry(with_module(R"("otlp_endpoint": "https://otlp-gateway-x.grafana.net/otlp")")),
              name) == set + "cumulative");
    CHECK(given(direct_telemetry({.environment = {collector}}), name) == name);
    CHECK(given(direct_telemetry({.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=https://notgrafana.net"}}),
                name) == name);
    CHECK(given(direct_telemetry({.environment = {collector, set + "lowmemory"}}), name) ==
          set + "lowmemory");

    const Telemetry overridden = direct_telemetry({.environment = trio_and({set + "delta"})});
    CHECK(given(overridden, name) == set + "delta");
    CHECK(
        overridden.warnings ==
        Names{
            left_with_the_agent,
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE is not cumulative: Grafana Cloud refuses such "
            "metrics"});
  }

  TEST_CASE("the service has the user's name, by variable or attribute, or claude-code") {
    CHECK(given(direct_telemetry({.environment = {collector}}), "OTEL_SERVICE_NAME") ==
          "OTEL_SERVICE_NAME=claude-code");
    CHECK(given(direct_telemetry({.environment = {collector, "OTEL_SERVICE_NAME=mine"}}),
                "OTEL_SERVICE_NAME") == "OTEL_SERVICE_NAME=mine");
    const Telemetry by_attribute = direct_telemetry(with_attributes("service.name=mine"));
    CHECK(given(by_attribute, "OTEL_SERVICE_NAME") == "OTEL_SERVICE_NAME");
    CHECK(given(by_attribute, "OTEL_RESOURCE_ATTRIBUTES") == "OTEL_RESOURCE_ATTRIBUTES=service.name=mine");
    MadeUp both = with_attributes("service.name=theirs");
    both.environment.emplace_back("OTEL_SERVICE_NAME=mine");
    CHECK(given(direct_telemetry(both), "OTEL_SERVICE_NAME") == "OTEL_SERVICE_NAME=mine");
  }

  TEST_CASE("attributes: platform, then policy file, then module, then the user, and the last one wins") {
    MadeUp container = with_module(
        R"("otlp_endpoint": "http://c:4318", "resource_attributes": {"b": "module", "c": "module", "d": "module"})");
    container.environment.insert(container.environment.end(), {"FLY_MACHINE_ID=m", "FLY_REGION=ams",
                                                               "OTEL_RESOURCE_ATTRIBUTES=d=user%20x"});
    container.files["/etc/ostiary/policy.json"] =
        "{\"resource_attributes\": {\n\"fly.region\": \"policy\",\n\"b\": \"policy\", \"e\": \"100% café\"}}";
    const Telemetry telemetry = direct_telemetry(container);
    CHECK(attributes_of(telemetry) ==
          "b=module <OSTIARY_TELEMETRY: line 1>\n"
          "c=module <OSTIARY_TELEMETRY: line 1>\n"
          "cloud.provider=fly <Fly>\n"
          "cloud.region=ams <Fly (FLY_REGION)>\n"
          "d=user x <OTEL_RESOURCE_ATTRIBUTES>\n"
          "e=100% café </etc/ostiary/policy.json: line 3>\n"
          "fly.machine_id=m <Fly (FLY_MACHINE_ID)>\n"
          "fly.region=policy </etc/ostiary/policy.json: line 2>\n");
    CHECK(given(telemetry, "OTEL_RESOURCE_ATTRIBUTES") ==
          "OTEL_RESOURCE_ATTRIBUTES=b=module,c=module,cloud.provider=fly,cloud.region=ams,d=user%20x,e=100%"
          "25%20caf%C3"
          "%A9,fly.machine_id=m,fly.region=policy");
    CHECK(telemetry.platforms == Names{"Fly"});
  }

  TEST_CASE("the module's attributes count only if the module is the source") {
    const Telemetry telemetry = direct_telemetry(
        {.environment = {collector,
                         R"(OSTIARY_TELEMETRY={"enabled": false, "resource_attributes": {"a": "b"}})"}});
    CHECK(telemetry.attributes.empty());
  }

  TEST_CASE("an attribute that would make Claude Code drop all of them is an error, telemetry or not") {
    struct Row {
      std::string_view attributes;
      std::string_view complaint;
    };
    const std::vector<Row> rows{
        {"a=b=c", "OTEL_RESOURCE_ATTRIBUTES: pair 1 ('a') has more than one '='"},
        {"x=1,=b", "OTEL_RESOURCE_ATTRIBUTES: pair 2 ('') has an empty key"},
        {"a=%4", "OTEL_RESOURCE_ATTRIBUTES: pair 1 ('a') has a '%'"},
        {"a=b,", "OTEL_RESOURCE_ATTRIBUTES: pair 2 is empty"},
    };
    for (const Row& row : rows) {
      const auto refused = telemetry_of(with_attributes(row.attributes));
      CHECK_MESSAGE(error_of(refused).starts_with(row.complaint), error_of(refused));
      CHECK(status_of(refused) == 78);
      CHECK_FALSE(telemetry_of({.environment = {"OTEL_RESOURCE_ATTRIBUTES=" + std::string(row.attributes)}}));
    }
    const auto in_policy = telemetry_of(
        {.files = {{"/etc/ostiary/policy.json", "{\"resource_attributes\":\n{\"a b\": \"c\"}}"}}});
    CHECK_MESSAGE(
        error_of(in_policy).starts_with("/etc/ostiary/policy.json: line 2: attribute 'a b' has a key"),
        error_of(in_policy));
  }

  TEST_CASE("warns of gRPC's port under another protocol, once") {
    CHECK(
        direct_telemetry({.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317"}}).warnings ==
        Names{
            "port 4317 is usually for gRPC, but the protocol is http/protobuf: if no telemetry arrives, set "
            "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"});
    CHECK(direct_telemetry({.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317",
                                            "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}})
              .warnings.empty());
    CHECK(direct_telemetry({.environment = {collector}}).warnings.empty());
  }

  TEST_CASE("another value of a selector that the user set is kept, with a warning") {
    const Telemetry telemetry = direct_telemetry(
        {.environment = {collector, "OTEL_LOGS_EXPORTER=console", "OTEL_TRACES_EXPORTER=console,otlp"}});
    CHECK(given(telemetry, "OTEL_LOGS_EXPORTER") == "OTEL_LOGS_EXPORTER=console");
    CHECK(given(telemetry, "OTEL_TRACES_EXPORTER") == "OTEL_TRACES_EXPORTER=console,otlp");
    CHECK(telemetry.warnings == Names{"OTEL_LOGS_EXPORTER does not include otlp: no logs will be exported"});
  }

  TEST_CASE("a signal that is not exported opens no destination, not even its own endpoint") {
    const Telemetry telemetry =
        direct_telemetry({.environment = {collector, "OTEL_METRICS_EXPORTER=none",
                                          "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=https://metrics.example/v1"}});
    REQUIRE(telemetry.routes().size() == 2);
    for (const Route& route : telemetry.routes()) CHECK(route.signal != Signal::metrics);
    CHECK(given(telemetry, "OTEL_METRICS_EXPORTER") == "OTEL_METRICS_EXPORTER=none");
    for (const Variable& variable : telemetry.variables())
      CHECK(variable.name != "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT");
  }

  TEST_CASE("if every signal's exporter is none, telemetry is off, with a message") {
    MadeUp container{.environment = {collector, "OTEL_METRICS_EXPORTER=none", "OTEL_LOGS_EXPORTER=none"}};
    CHECK(text(direct_telemetry(container).state) == "on");
    container.environment.emplace_back("OTEL_TRACES_EXPORTER=none");
    const Telemetry telemetry = direct_telemetry(container);
    CHECK(text(telemetry.state) == "switched-off");
    CHECK(std::get<SwitchedOff>(telemetry.state).reason ==
          "the value none in OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER, OTEL_LOGS_EXPORTER");
    CHECK(telemetry.routes().empty());
    CHECK(telemetry.variables().empty());
  }

  TEST_CASE("configured telemetry is enabled, with a warning if the container's variable says no") {
    const Telemetry telemetry =
        direct_telemetry({.environment = {collector, "CLAUDE_CODE_ENABLE_TELEMETRY=0"}});
    CHECK(given(telemetry, "CLAUDE_CODE_ENABLE_TELEMETRY") == "CLAUDE_CODE_ENABLE_TELEMETRY=1");
    CHECK(telemetry.warnings ==
          Names{"CLAUDE_CODE_ENABLE_TELEMETRY is overridden because telemetry is configured: "
                "to switch it off, write --telemetry off"});
    for (const char* yes : {"1", "true", ""})
      CHECK(direct_telemetry({.environment = {collector, std::string("CLAUDE_CODE_ENABLE_TELEMETRY=") + yes}})
                .warnings.empty());
  }

  TEST_CASE("headers are written as Claude Code reads them for the protocol of each signal") {
    const auto telemetry = direct_telemetry(
        {.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
                         "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=http/json",
                         "OTEL_EXPORTER_OTLP_HEADERS=x=a%2525b%3Bc"}});
    CHECK(given(telemetry, "OTEL_EXPORTER_OTLP_HEADERS") == "OTEL_EXPORTER_OTLP_HEADERS=x=a%2525b%3Bc");
    CHECK(given(telemetry, "OTEL_EXPORTER_OTLP_LOGS_HEADERS") == "OTEL_EXPORTER_OTLP_LOGS_HEADERS=x=a%25b;c");
    CHECK(given(telemetry, "OTEL_EXPORTER_OTLP_TRACES_HEADERS") == "OTEL_EXPORTER_OTLP_TRACES_HEADERS");
    CHECK(telemetry.routes().front().headers.reveal() == "x: a%25b;c\r\n");
  }
}
