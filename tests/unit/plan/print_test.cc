#include "ostiary/plan/print.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "parsed.h"
#include "plan/made_up.h"

using namespace ostiary::plan;
using ostiary::config::MadeUp;
using ostiary::telemetry::grafana_trio;
using ostiary::telemetry::Secrecy;
using ostiary::telemetry::trio_and;
using Json = nlohmann::json;
using ostiary::testing::parsed;

namespace {

Json json_of(const Plan& plan) {
  const Json json = Json::parse(plan_as_json(plan), nullptr, false);
  REQUIRE(json.is_object());
  return json;
}

// One container per source. Every secret is "hunter2".
const std::vector<MadeUp> with_secrets{
    {.environment = trio_and({"ANTHROPIC_API_KEY=hunter2", "ANTHROPIC_AUTH_TOKEN=hunter2"})},
    {.environment = {grafana_trio[0], grafana_trio[2]},
     .files = {{"/run/secrets/GRAFANA_API_TOKEN", "hunter2"}}},
    {.environment = {"GRAFANA_API_TOKEN=hunter2"}},
    {.environment = grafana_trio, .flags = {{"telemetry_source", "off"}}},
    {.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318",
                     "OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic%20hunter2",
                     "OTEL_EXPORTER_OTLP_TRACES_HEADERS=x-key=hunter2"}},
    {.environment = {"OTEL_EXPORTER_OTLP_HEADERS=x-key=hunter2"}},
    {.environment = {"OTEL_EXPORTER_OTLP_METRICS_HEADERS=x-key=hunter2", "CLAUDE_CODE_OAUTH_TOKEN=hunter2"}},
    {.environment =
         {R"(OSTIARY_TELEMETRY={"otlp_endpoint": "http://c", "otlp_headers": {"x-key": "hunter2"}})"}},
    {.files = {{"/etc/ostiary/policy.json",
                R"({"telemetry": {"otlp_endpoint": "http://c", "otlp_headers": {"x-key": "hunter2"}}})"}}},
};

}  // namespace

TEST_SUITE("plan/print") {
  TEST_CASE("no form of the plan contains a secret, for any source") {
    for (const MadeUp& container : with_secrets) {
      const Plan plan = good_plan(container);
      for (const std::string& printed : {plan_as_text(plan), plan_as_json(plan)}) {
        CHECK_MESSAGE(!printed.contains("hunter2"), printed);
        for (const auto& variable : plan.telemetry.variables())
          if (variable.secrecy == Secrecy::secret)
            CHECK_MESSAGE(!printed.contains(variable.value.reveal()), printed);
      }
      json_of(plan);
    }
  }

  TEST_CASE("a secret is shown as present, with its source") {
    const Plan plan = good_plan({.environment = grafana_trio, .flags = {{"relay", "off"}}});
    CHECK(plan_as_text(plan).contains(
        "  sets         OTEL_EXPORTER_OTLP_HEADERS=(secret)   (grafana-cloud)\n"));
    bool found = false;
    const Json json = json_of(plan);
    for (const Json& variable : json["environment"]["telemetry"])
      if (variable["name"] == "OTEL_EXPORTER_OTLP_HEADERS") {
        found = true;
        CHECK(variable["value"] == "(secret)");
        CHECK(variable["source"] == "grafana-cloud");
      }
    CHECK(found);
  }

  TEST_CASE("what the relay adds is shown by the names of the fields, and what it closes") {
    const Plan plan = good_plan({.environment = grafana_trio});
    const Json json = json_of(plan);
    CHECK(json["relay"]["listens"] == "127.0.0.1:15354");
    CHECK(json["relay"]["collectors"] == Json{{{"scheme", "https"},
                                               {"host", "otlp-gateway-prod-eu-west-0.grafana.net"},
                                               {"port", 443},
                                               {"signals", {"traces", "metrics", "logs"}},
                                               {"headers", {"Authorization"}}}});
    CHECK(json["relay"]["attributes"] == Json{"service.name", "service.instance.id"});
    CHECK(json["relay"]["sums_metrics"] == true);
    CHECK(plan_as_text(plan) == plan_as_text(good_plan({.environment = grafana_trio})));
    CHECK(plan_as_text(plan).contains(
        "  relay        takes the agent's telemetry at 127.0.0.1:15354, without a credential\n"
        "    adds       Authorization and 2 attributes, for otlp-gateway-prod-eu-west-0.grafana.net\n"
        "    closed     otlp-gateway-prod-eu-west-0.grafana.net:443 to the agent\n"
        "    makes      a new service.instance.id at each boot\n"
        "    sums       the agent's metrics, and sends them as cumulative\n"));
    CHECK(json_of(good_plan({}))["relay"].is_null());
    Plan one = good_plan({.environment = grafana_trio});
    one.relay->setup.attributes.resize(1);
    CHECK(plan_as_text(one).contains(" and 1 attribute, for otlp-gateway"));
  }

  TEST_CASE("the agent's own credentials are shown by their names, and a dummy of the relay's is none") {
    const std::vector<std::string> environment{"ANTHROPIC_API_KEY=hunter2",
                                               "ANTHROPIC_AWS_API_KEY=hunter2",
                                               "ANTHROPIC_FOUNDRY_AUTH_TOKEN=hunter2",
                                               "AWS_BEARER_TOKEN_BEDROCK=hunter2",
                                               "ANTHROPIC_FOUNDRY_API_KEY=",
                                               "OTHER=x"};
    const Plan plan = good_plan({.environment = environment});
    CHECK(json_of(plan)["agent"]["credentials"] == Json{"ANTHROPIC_AWS_API_KEY",
                                                        "ANTHROPIC_FOUNDRY_AUTH_TOKEN",
                                                        "AWS_BEARER_TOKEN_BEDROCK", "ANTHROPIC_API_KEY"});
    CHECK(plan_as_text(plan).contains(
        "  has          ANTHROPIC_AWS_API_KEY, ANTHROPIC_FOUNDRY_AUTH_TOKEN, AWS_BEARER_TOKEN_BEDROCK, "
        "ANTHROPIC_API_KEY, which every process of it can read\n"));
    const Plan relayed = good_plan({.environment = environment, .flags = {{"api_relay", "on"}}});
    CHECK(json_of(relayed)["agent"]["credentials"] ==
          Json{"ANTHROPIC_AWS_API_KEY", "ANTHROPIC_FOUNDRY_AUTH_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"});
    const Plan none = good_plan({});
    CHECK(json_of(none)["agent"]["credentials"].empty());
    CHECK_FALSE(plan_as_text(none).contains("  has  "));
    const std::vector<std::string> collector{"OTEL_EXPORTER_OTLP_ENDPOINT=https://c:4318",
                                             "OTEL_EXPORTER_OTLP_HEADERS=a=hunter2"};
    CHECK(json_of(good_plan({.environment = collector}))["agent"]["credentials"].empty());
    CHECK(
        json_of(good_plan({.environment = collector, .flags = {{"relay", "off"}}}))["agent"]["credentials"] ==
        Json{"OTEL_EXPORTER_OTLP_HEADERS"});
  }

  TEST_CASE("JSON and text contain the same") {
    const Json json =
        json_of(good_plan({.environment = trio_and({"FLY_MACHINE_ID=m"}),
                           .flags = {{"gate", "off"}, {"auth_hook", "/hook"}, {"workdir", "/work"}}},
                          {"claude", "-p", "hi"}));
    CHECK(json["version"] == 2);
    CHECK(json["settings"] == Json{{{"name", "auth_hook"}, {"value", "/hook"}, {"source", "--auth-hook"}},
                                   {{"name", "gate"}, {"value", "off"}, {"source", "--gate"}},
                                   {{"name", "workdir"}, {"value", "/work"}, {"source", "--workdir"}}});
    CHECK(json["gate"] == "off");
    CHECK(json["agent"]["command"] == Json{"claude", "-p", "hi"});
    CHECK(json["agent"]["user"] == "node");
    CHECK(json["agent"]["uid"] == 1000);
    CHECK(json["agent"]["groups"] == Json{27, 1000});
    CHECK(json["agent"]["workdir"] == "/work");
    CHECK(json["agent"]["capabilities"] == Json::array());
    CHECK(json["telemetry"]["state"] == "on");
    CHECK(json["telemetry"]["source"] == "grafana-cloud");
    CHECK(json["telemetry"]["signals"].size() == 3);
    CHECK(json["telemetry"]["signals"][0]["endpoint"] ==
          "https://otlp-gateway-prod-eu-west-0.grafana.net/otlp/v1/traces");
    CHECK(json["rules"] == Json::array());
    const Json gated = json_of(good_plan({.environment = trio_and({}), .flags = {{"relay", "off"}}}));
    CHECK(gated["rules"][0]["host"] == "otlp-gateway-prod-eu-west-0.grafana.net");
    CHECK(gated["rules"][0]["ports"] == "443");
    CHECK(json["platforms"] == Json{"Fly"});
    CHECK(json["resource_attributes"][0] ==
          Json{{"key", "cloud.provider"}, {"value", "fly"}, {"source", "Fly"}});
    CHECK(json["environment"]["removed"] ==
          Json{"GRAFANA_INSTANCE_ID", "GRAFANA_API_TOKEN", "GRAFANA_OTLP_ENDPOINT"});
    CHECK(json["auth_hook"] == Json{{"program", "/hook"}, {"time_limit_seconds", 60}});
    CHECK(json["prepare_claude"] == true);
    CHECK(json["grace_seconds"] == 10);
    CHECK(json["warnings"].size() == 1);
  }

  TEST_CASE("missing values are shown as missing") {
    const Json json = json_of(good_plan({}, {"bash"}, root));
    CHECK(json["auth_hook"].is_null());
    CHECK(json["telemetry"] == Json{{"state", "not-configured"},
                                    {"source", "off"},
                                    {"reason", ""},
                                    {"missing", Json::array()},
                                    {"signals", Json::array()}});
    CHECK_FALSE(json["agent"]["capabilities"].empty());
    CHECK(plan_as_text(good_plan({}, {"bash"})).contains("  telemetry    not-configured\n"));
    CHECK(plan_as_text(good_plan({.environment = {grafana_trio[0], grafana_trio[1]}}))
              .contains("    missing    GRAFANA_OTLP_ENDPOINT\n"));
    CHECK(plan_as_text(good_plan({.flags = {{"gate", "off"}}})).contains("  gate         OFF\n"));
  }

  TEST_CASE("without the gate, the plan names no scope and no inbound rule: no rules are loaded") {
    const auto text = [](const char* gate) {
      return plan_as_text(
          good_plan({.flags = {{"gate", gate}, {"scope", "user"}, {"allow_inbound", "3000"}}}));
    };
    CHECK(text("on").contains("alone: other users are not affected"));
    CHECK_FALSE(text("off").contains("alone: other users are not affected"));
    CHECK_FALSE(text("off").contains("  accepts      "));
  }

  TEST_CASE("the ruleset is all that the boot would load, in the form that nft reads") {
    const Plan plan = good_plan({.flags = {{"upstream", "192.0.2.53"}}});
    const Json json = json_of(plan);
    Json loaded = Json::array({{{"add", {{"table", {{"family", "inet"}, {"name", "ostiary"}}}}}}});
    for (const Json& command : parsed(ostiary::nft::commands(plan.gate->ruleset))) loaded.push_back(command);
    CHECK(json["ruleset"] == Json{{"nftables", loaded}});
    CHECK(json["ruleset_error"] == "");
  }

  TEST_CASE("a plan without a ruleset says why the boot would end before, unless the gate is off") {
    const Json none = json_of(good_plan({}));
    CHECK(none["ruleset"].is_null());
    CHECK(none["ruleset_error"].get<std::string>().starts_with("/etc/resolv.conf names no nameserver"));
    CHECK(none["warnings"].empty());

    const Plan on_this_host = good_plan({.flags = {{"upstream", "127.0.0.53"}}});
    const Json refused = json_of(on_this_host);
    CHECK(refused["ruleset"].is_null());
    const std::string error = refused["ruleset_error"];
    CHECK(error.starts_with("--upstream: the upstream server 127.0.0.53:53 is on this host"));
    CHECK(refused["warnings"] == Json{"a boot would end with status 78: " + error});
    CHECK(plan_as_text(on_this_host).contains("warning: a boot would end with status 78: --upstream"));

    const Json off = json_of(good_plan({.flags = {{"gate", "off"}}}));
    CHECK(off["ruleset"].is_null());
    CHECK(off["ruleset_error"] == "");
  }

  TEST_CASE("no value in a plan can forge a line or break the JSON") {
    ostiary::confine::Identity odd = node;
    odd.name = "a\nforged";
    odd.home = "/home\nforged";
    const MadeUp container{
        .environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "OTEL_SERVICE_NAME=\x1b[2J\nforged",
                        "OSTIARY_PORT_\nforged=1"},
        .flags = {{"workdir", "/a\nforged"}, {"auth_hook", "/hook\nforged"}, {"telemetry_source", "otlp"}}};
    const Plan plan = good_plan(container, {"claude", "\nforged\xff"}, odd);
    CHECK_FALSE(plan_as_text(plan).contains("\nforged"));
    CHECK_FALSE(plan_as_text(plan).contains("\x1b"));
    CHECK(json_of(plan)["agent"]["workdir"] == "/a\nforged");
  }
}
