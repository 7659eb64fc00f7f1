#include "plan/relay_plan.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ostiary/plan/print.h"
#include "plan/made_up.h"

using namespace ostiary;
using namespace ostiary::plan;
using ostiary::config::MadeUp;
using telemetry::Signal;

namespace {

using Strings = std::vector<std::string>;

const std::string header = "OTEL_EXPORTER_OTLP_HEADERS=x-key=hunter2";

Relay relay_of(Strings environment) {
  Plan plan = good_plan({.environment = std::move(environment)});
  REQUIRE(plan.relay);
  return *std::move(plan.relay);
}

// "https collector.example:443 as collector.example, grpc: traces /, logs /x" lines.
std::string collectors_of(const Relay& relay) {
  std::string lines;
  for (const relay::CollectorSetup& each : relay.setup.collectors) {
    lines += std::string(inet::text(each.server.scheme)) + " " + inet::text(each.server.destination) +
             " as " + each.authority + ", " + std::string(text(each.protocol)) + ":";
    for (const auto& [signal, path] : each.paths) lines += " " + std::string(text(signal)) + " " + path;
    lines += "\n";
  }
  return lines;
}

std::string authority_of(const std::string& url) {
  const Relay relay = relay_of({"OTEL_EXPORTER_OTLP_ENDPOINT=" + url, header});
  REQUIRE(relay.setup.collectors.size() == 1);
  return relay.setup.collectors[0].authority;
}

// "name=value" of each.
Strings attributes_of(const Relay& relay) {
  Strings all;
  for (const auto& [name, value] : relay.setup.attributes) all.push_back(name + "=" + value);
  return all;
}

const policy::Rule* rule_about(std::span<const policy::Rule> rules, std::string_view subject) {
  const auto found =
      std::ranges::find_if(rules, [&](const policy::Rule& each) { return text(each.subject) == subject; });
  return found == rules.end() ? nullptr : &*found;
}

}  // namespace

TEST_SUITE("plan/relay_plan") {
  TEST_CASE("there is a relay if the road leads over it") {
    CHECK_FALSE(good_plan({}).relay);
    CHECK_FALSE(good_plan({.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=https://c"}}).relay);
    CHECK_FALSE(good_plan({.environment = telemetry::grafana_trio, .flags = {{"relay", "off"}}}).relay);
    CHECK_FALSE(good_plan({.environment = telemetry::grafana_trio, .flags = {{"gate", "off"}}}).relay);
    CHECK(good_plan({.environment = telemetry::grafana_trio}).relay);
  }

  TEST_CASE("it sends the events of the audit unless that is switched off") {
    CHECK(relay_of(telemetry::grafana_trio).setup.own_events == relay::OwnEvents::sent);
    const Plan off = good_plan({.environment = telemetry::grafana_trio, .flags = {{"audit_otlp", "off"}}});
    CHECK(off.relay->setup.own_events == relay::OwnEvents::left_out);
  }

  TEST_CASE("telemetry waits in the directory that the operator names, and otherwise in memory") {
    CHECK(relay_of(telemetry::grafana_trio).spool_directory.empty());
    const Plan plan =
        good_plan({.environment = telemetry::grafana_trio, .flags = {{"relay_spool", "/spool"}}});
    CHECK(plan.relay->spool_directory == "/spool");
    CHECK(plan_as_text(plan).contains("    keeps      telemetry that is not yet delivered in /spool\n"));
    CHECK(plan_as_json(plan).contains(R"("spool": "/spool")"));
    CHECK(std::ranges::none_of(plan.warnings, [](const auto& each) { return each.contains("spool"); }));
  }

  TEST_CASE("a directory for telemetry without a relay that takes any is a warning") {
    const std::string warning = "--relay-spool has no effect, because no telemetry goes through the relay";
    const auto warns = [&](const MadeUp& container) {
      const Plan plan = good_plan(container);
      return std::ranges::count(plan.warnings, warning) == 1 &&
             (!plan.relay || plan.relay->spool_directory.empty());
    };
    CHECK(warns({.flags = {{"relay_spool", "/spool"}}}));
    CHECK(warns(
        {.environment = telemetry::grafana_trio, .flags = {{"relay", "off"}, {"relay_spool", "/spool"}}}));
    CHECK(warns(
        {.environment = telemetry::grafana_trio, .flags = {{"gate", "off"}, {"relay_spool", "/spool"}}}));
    CHECK(warns({.environment = {"ANTHROPIC_API_KEY=hunter2"},
                 .flags = {{"api_relay", "on"}, {"relay_spool", "/spool"}}}));
  }

  TEST_CASE("a directory for telemetry that a root agent can read is a warning") {
    const Plan plan =
        good_plan({.environment = telemetry::grafana_trio, .flags = {{"relay_spool", "/spool"}}}, {}, root);
    CHECK(std::ranges::count(
              plan.warnings,
              "the agent runs as root: it can read the telemetry that waits in /spool, and the next start "
              "sends what it writes there, with the collector's credential: name a user with --user") == 1);
  }

  TEST_CASE("it sums the agent's metrics for a collector of cumulative ones") {
    CHECK(relay_of(telemetry::grafana_trio).setup.temporality == telemetry::Temporality::cumulative);
    CHECK(relay_of({"OTEL_EXPORTER_OTLP_ENDPOINT=https://c:4000", header}).setup.temporality ==
          telemetry::Temporality::unstated);
  }

  TEST_CASE("each boot makes an instance id for all telemetry, unless the operator has one") {
    const auto id_of = [](const Relay& relay) {
      std::vector<std::string> values;
      for (const relay::NamedValue& each : relay.setup.attributes)
        if (each.name == "service.instance.id") values.push_back(each.value);
      return values;
    };
    Relay relay = relay_of(telemetry::grafana_trio);
    CHECK(relay.makes_instance_id);
    CHECK(id_of(relay) == std::vector<std::string>{""});
    std::array<uint8_t, instance_id_octets> random{};
    random.fill(0xff);
    set_instance_id(relay, random);
    CHECK(id_of(relay) == std::vector<std::string>{"ffffffff-ffff-4fff-bfff-ffffffffffff"});

    Relay own = relay_of({"OTEL_EXPORTER_OTLP_ENDPOINT=https://c:4000", header,
                          "OTEL_RESOURCE_ATTRIBUTES=service.instance.id=mine"});
    CHECK_FALSE(own.makes_instance_id);
    set_instance_id(own, random);
    CHECK(id_of(own) == std::vector<std::string>{"mine"});
  }

  TEST_CASE("signals to one server are one collector") {
    const Relay relay = relay_of(telemetry::grafana_trio);
    CHECK(collectors_of(relay) ==
          "https otlp-gateway-prod-eu-west-0.grafana.net:443 as otlp-gateway-prod-eu-west-0.grafana.net, "
          "http/protobuf: traces /otlp/v1/traces metrics /otlp/v1/metrics logs /otlp/v1/logs\n");
    REQUIRE(relay.credentials.size() == 1);
    CHECK(relay.credentials[0].reveal() == "Authorization: Basic MTIzNDU2OmdsY19odW50ZXIy\r\n");
    CHECK(relay.setup.spool_octets == relay::limits::spool_octets);
  }

  TEST_CASE("another scheme, host, port, protocol or header makes another collector") {
    const std::string base = "OTEL_EXPORTER_OTLP_ENDPOINT=https://c:4000";
    const auto count = [&](const char* more) {
      return relay_of({base, header, more}).setup.collectors.size();
    };
    CHECK(count("OTHER=") == 1);
    CHECK(count("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=https://c:4000/other") == 1);
    CHECK(count("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://c:4000") == 2);
    CHECK(count("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=https://d:4000") == 2);
    CHECK(count("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=https://c:4001") == 2);
    CHECK(count("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=http/json") == 2);
    CHECK(count("OTEL_EXPORTER_OTLP_LOGS_HEADERS=x-key=other") == 2);
    CHECK(count("OTEL_EXPORTER_OTLP_LOGS_HEADERS=x-key=hunter2") == 1);
  }

  TEST_CASE("each collector has the headers of its signals, and one without headers has none") {
    const Relay relay =
        relay_of({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://c/a",
                  "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://d", "OTEL_EXPORTER_OTLP_TRACES_HEADERS=x-key=t"});
    CHECK(collectors_of(relay) ==
          "https c:443 as c, http/protobuf: traces /a\nhttp d:80 as d, http/protobuf: logs /\n");
    REQUIRE(relay.credentials.size() == 2);
    CHECK(relay.credentials[0].reveal() == "x-key: t\r\n");
    CHECK(relay.credentials[1].empty());
  }

  TEST_CASE("the authority has the port if it is not the scheme's, and brackets around IPv6") {
    CHECK(authority_of("https://c.example") == "c.example");
    CHECK(authority_of("https://c.example:443") == "c.example");
    CHECK(authority_of("http://c.example:443") == "c.example:443");
    CHECK(authority_of("http://c.example:4318") == "c.example:4318");
    CHECK(authority_of("https://192.0.2.1") == "192.0.2.1");
    CHECK(authority_of("https://192.0.2.1:8443") == "192.0.2.1:8443");
    CHECK(authority_of("https://[2001:db8::1]") == "[2001:db8::1]");
    CHECK(authority_of("https://[2001:db8::1]:8443") == "[2001:db8::1]:8443");
  }

  TEST_CASE("the relay enforces the attributes that the agent has, and OTEL_SERVICE_NAME overrides") {
    const std::string attributes = "OTEL_RESOURCE_ATTRIBUTES=service.name=a,team=b";
    Strings environment{"OTEL_EXPORTER_OTLP_ENDPOINT=https://c", header};
    CHECK(attributes_of(relay_of(environment)) ==
          Strings{"service.name=claude-code", "service.instance.id="});
    environment.push_back(attributes);
    CHECK(attributes_of(relay_of(environment)) ==
          Strings{"service.name=a", "team=b", "service.instance.id="});
    environment.emplace_back("OTEL_SERVICE_NAME=c");
    CHECK(attributes_of(relay_of(environment)) ==
          Strings{"team=b", "service.name=c", "service.instance.id="});
  }

  TEST_CASE("compression and the files of TLS come along") {
    const Relay relay = relay_of({"OTEL_EXPORTER_OTLP_ENDPOINT=https://c", header,
                                  "OTEL_EXPORTER_OTLP_COMPRESSION=gzip", "SSL_CERT_FILE=/run/ca.pem"});
    CHECK(relay.setup.collectors[0].compression == telemetry::Compression::gzip);
    CHECK(relay.setup.tls_files.authorities == "/run/ca.pem");
  }

  TEST_CASE("the gate may connect to each collector, in the relay's order") {
    const Plan plan = good_plan({.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=https://z.example", header,
                                                 "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://192.0.2.7:4318",
                                                 "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=https://a.example:8443"}});
    REQUIRE(plan.relay);
    const auto& relayed = plan.gate->setup.relayed;
    REQUIRE(relayed.size() == 3);
    CHECK(text(relayed[0]) == "z.example:443/tcp");
    CHECK(relayed[0].reason == "telemetry: traces");
    CHECK(text(relayed[1]) == "192.0.2.7:4318/tcp");
    CHECK(text(relayed[2]) == "a.example:8443/tcp");
    for (const policy::Rule& each : relayed) {
      CHECK(each.answers == policy::Answers::private_too);
      CHECK(each.need == policy::Need::optional);
    }
  }

  TEST_CASE("the agent may not reach the collector, unless it sends by itself") {
    const auto may = [](std::map<std::string_view, std::string> flags, const char* endpoint,
                        const char* name) {
      const Plan plan =
          good_plan({.environment = {std::string("OTEL_EXPORTER_OTLP_ENDPOINT=") + endpoint, header},
                     .flags = std::move(flags)});
      return rule_about(rules_of(plan), name) != nullptr ||
             rule_about(plan.gate->setup.rules, name) != nullptr || !plan.gate->ruleset.addresses.empty();
    };
    CHECK_FALSE(may({}, "https://c.example", "c.example"));
    CHECK_FALSE(may({}, "https://192.0.2.7", "192.0.2.7/32"));
    CHECK(may({{"relay", "off"}}, "https://c.example", "c.example"));
    CHECK(may({{"relay", "off"}}, "https://192.0.2.7", "192.0.2.7"));
    CHECK(may({{"allow", "c.example"}}, "https://c.example", "c.example"));
  }

  TEST_CASE("required telemetry requires its collector's name, and an address needs no resolving") {
    const MadeUp container{.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=https://c.example", header,
                                           "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=https://192.0.2.7"},
                           .flags = {{"require_telemetry", "true"}}};
    const Plan plan = good_plan(container);
    REQUIRE(plan.gate->setup.relayed.size() == 2);
    CHECK(plan.gate->setup.relayed[0].need == policy::Need::required);
    CHECK(plan.gate->setup.relayed[1].need == policy::Need::optional);
  }

  TEST_CASE("the API's key is the relay's, and the agent and the auth hook get a dummy") {
    const Plan plan = good_plan({.environment = {"ANTHROPIC_API_KEY=hunter2", "ANTHROPIC_AUTH_TOKEN="},
                                 .flags = {{"api_relay", "on"}, {"upstream", "192.0.2.53"}}});
    REQUIRE(plan.relay);
    CHECK(plan.relay->setup.collectors.empty());
    REQUIRE(plan.relay->setup.forwards.size() == 1);
    REQUIRE(plan.relay->credentials.size() == 1);
    CHECK(plan.relay->credentials[0].reveal() == "x-api-key: hunter2\r\n");
    for (const config::Environment* each :
         {&plan.agent.environment.agent, &plan.agent.environment.auth_hook}) {
      CHECK(each->get("ANTHROPIC_API_KEY").starts_with("sk-ant-api03-kept-by-ostiary"));
      CHECK(each->get("ANTHROPIC_BASE_URL") == "http://127.0.0.1:15355");
      for (const std::string_view entry : each->entries()) {
        CHECK_FALSE(entry.contains("hunter2"));
        CHECK_FALSE(entry.starts_with("ANTHROPIC_AUTH_TOKEN"));
      }
    }
    CHECK(plan.gate->ruleset.relay_ports == std::vector<uint16_t>{15355});
    REQUIRE(plan.gate->setup.relayed.size() == 1);
    CHECK(text(plan.gate->setup.relayed[0]) == "api.anthropic.com:443/tcp");
    CHECK(rules_of(plan).empty());
    CHECK(has_managed_settings(plan));
    for (const std::string& text : {plan_as_text(plan), plan_as_json(plan)}) {
      CHECK_FALSE(text.contains("hunter2"));
      CHECK(text.contains("127.0.0.1:15355"));
    }
  }

  TEST_CASE("the API comes after the collectors, with files of TLS of its own") {
    const Plan plan =
        good_plan({.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=https://c.example", header,
                                   "OTEL_EXPORTER_OTLP_CERTIFICATE=/c.pem", "ANTHROPIC_AUTH_TOKEN=hunter3"},
                   .flags = {{"api_relay", "on"}, {"upstream", "192.0.2.53"}}});
    REQUIRE(plan.relay);
    REQUIRE(plan.relay->credentials.size() == 2);
    CHECK(plan.relay->credentials[0].reveal() == "x-key: hunter2\r\n");
    CHECK(plan.relay->credentials[1].reveal() == "Authorization: Bearer hunter3\r\n");
    REQUIRE(plan.gate->setup.relayed.size() == 2);
    CHECK(text(plan.gate->setup.relayed[0]) == "c.example:443/tcp");
    CHECK(text(plan.gate->setup.relayed[1]) == "api.anthropic.com:443/tcp");
    CHECK(plan.relay->setup.tls_files.authorities == "/c.pem");
    CHECK(plan.relay->setup.forwards[0].tls_files.authorities.empty());
    CHECK(plan.gate->ruleset.relay_ports == std::vector<uint16_t>{15354, 15355});
  }

  TEST_CASE("without the gate, or without a key, the relay of the API is an error that names the setting") {
    const MadeUp off{.environment = {"ANTHROPIC_API_KEY=hunter2"},
                     .flags = {{"api_relay", "on"}, {"gate", "off"}}};
    CHECK(
        error_of(plan_of(off)) ==
        "--api-relay: the relay gets its connections from the gate, which is off: write --gate on, or leave "
        "out api-relay");
    CHECK(error_of(plan_of({.flags = {{"api_relay", "on"}}})).starts_with("--api-relay: the relay has no"));
    CHECK(error_of(plan_of({.environment = {"ANTHROPIC_API_KEY=hunter2", "https_proxy=http://p"},
                            .flags = {{"api_relay", "on"}}})) ==
          "--api-relay: https_proxy is set, and the relay connects directly: take out the variable, or leave "
          "out api-relay");
    const std::string loopback = "ANTHROPIC_BASE_URL=http://127.0.0.1:8080";
    CHECK(
        error_of(plan_of(
            {.environment = {"ANTHROPIC_API_KEY=hunter2", loopback}, .flags = {{"api_relay", "on"}}})) ==
        "--api-relay: ANTHROPIC_BASE_URL is on loopback, where the agent could stand in for the server: move "
        "the server to another host, or leave out api-relay");
    CHECK_FALSE(good_plan({.environment = {"ANTHROPIC_API_KEY=hunter2"}}).relay);
  }

  TEST_CASE(
      "a relay of the operator's for the API, which ostiary itself opens, is a warning with another cure") {
    const Plan plan = good_plan(
        {.environment = {"K=hunter2"},
         .files = {{"/etc/ostiary/policy.json",
                    R"({"relays": [{"name": "a", "url": "https://api.anthropic.com", "header": "x-api-key",
                        "secret": "K", "allow": [{"methods": ["GET"], "path": "/"}], "variable": "V"}]})"}}});
    CHECK(std::ranges::count(
              plan.warnings,
              "Claude's API opens api.anthropic.com:443 to the agent, which the relay reaches for "
              "it: write --api-relay on in place of your own relay for it, or --no-derive") == 1);
  }

  TEST_CASE("a rule of the operator's that opens the API to the agent is a warning") {
    const Plan plan = good_plan({.environment = {"ANTHROPIC_API_KEY=hunter2"},
                                 .flags = {{"api_relay", "on"}, {"allow", "api.anthropic.com"}}});
    CHECK(std::ranges::any_of(plan.warnings, [](const std::string& each) {
      return each ==
             "--allow opens api.anthropic.com:443 to the agent, which the relay reaches for it: take out "
             "that rule";
    }));
  }
}
