#include "config/policy_file.h"

#include <array>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "outcome.h"

using namespace ostiary::config;
using ostiary::error_of;

namespace {

std::string refusal(std::string_view text) {
  return error_of(parse_policy_file(text, "policy.json"));
}

}  // namespace

TEST_SUITE("config/policy_file") {
  TEST_CASE("an empty object sets nothing") {
    const auto policy = parse_policy_file("// nothing yet\n{\"$schema\": \"x\"}", "policy.json");
    REQUIRE(policy);
    CHECK(policy->settings.empty());
    CHECK_FALSE(policy->module);
    CHECK(policy->resource_attributes.empty());
  }

  TEST_CASE("the error for an unknown key names file, line and the closest key") {
    CHECK(refusal("{\n\"user\": \"a\",\n\"grase\": 1}") ==
          R"(policy.json: line 3: unknown key "grase": did you mean "grace"?)");
    CHECK(refusal(R"({"policy": "/a"})").starts_with(R"(policy.json: line 1: unknown key "policy")"));
    CHECK(refusal("{\"telemetry\": {\n\"otlp_endpont\": \"x\"}}") ==
          R"(policy.json: line 2: unknown key "otlp_endpont": did you mean "otlp_endpoint"?)");
  }

  TEST_CASE("the error for a value of the wrong type names key and line") {
    struct Row {
      std::string_view text;
      std::string_view complaint;
    };
    const std::vector<Row> rows{
        {"[]", "line 1: is an array: write an object"},
        {"{\n\"user\": 1000}", "line 2: user is a number: write \"1000\""},
        {"{\"workdir\": 5}", "line 1: workdir is a number: write a string, like DIR"},
        {"{\"grace\": \"5\"}", "line 1: grace is a string: write a whole number from 0 to 3600"},
        {"{\"grace\": 1.5}", "line 1: grace is not a whole number from 0 to 3600"},
        {"{\"require_telemetry\": \"true\"}", "line 1: require_telemetry is a string: write true or false"},
        {"{\"gate\": true}", R"(line 1: gate is true: write "on" or "off")"},
        {"{\"resource_attributes\": []}", "line 1: resource_attributes is an array: write an object"},
        {"{\"resource_attributes\": {\n\"a\": 1}}", "line 2: \"a\" is a number: write a string"},
        {"{\"telemetry\": []}", "line 1: telemetry is an array: write an object"},
        {"{\"relay\": [{\"name\": \"tickets\"}]}",
         R"(line 1: relay is an array: write "auto" or "on" or "off"; )"
         R"(the servers that the relay forwards to are in "relays")"},
        {"{\"relay\": true}", R"(line 1: relay is true: write "auto" or "on" or "off")"},
        {"{\"telemetry\": {\"enabled\": 1}}", "line 1: enabled is a number: write true or false"},
        {"{\"telemetry\": {\"otlp_endpoint\": 1}}", "line 1: otlp_endpoint is a number: write a string"},
        {"{\"telemetry\": {\"otlp_headers\": \"a=b\"}}", "line 1: otlp_headers is a string: write an object"},
        {"{\"telemetry\": {\"otlp_headers\": {\"x-key\": 1}}}",
         "line 1: \"x-key\" is a number: write a string"},
        {"{", "line 1: is not valid JSON: unexpected end of input; expected string literal"},
    };
    for (const Row& row : rows) CHECK(refusal(row.text) == "policy.json: " + std::string(row.complaint));
  }

  TEST_CASE("a list is a text, a port, or an array of these") {
    for (const auto* text : {R"({"allow_inbound": "22,3000"})", R"({"allow_inbound": ["22", "3000"]})",
                             R"({"allow_inbound": [22, 3000]})"}) {
      const auto policy = parse_policy_file(text, "policy.json");
      REQUIRE_MESSAGE(policy, error_of(policy));
      CHECK(policy->settings.at("allow_inbound").text == "22,3000");
    }
    CHECK(parse_policy_file(R"({"allow_inbound": 22})", "policy.json")->settings.at("allow_inbound").text ==
          "22");
    CHECK(refusal(R"({"allow_inbound": {}})") ==
          "policy.json: line 1: allow_inbound is an object: write a string or an array");
    CHECK(refusal("{\"allow_inbound\": [\n22, true]}") ==
          "policy.json: line 2: an entry of allow_inbound is true: write a string or a number");
    CHECK(refusal("{\"allow_socket\": [null]}") ==
          "policy.json: line 1: an entry of allow_socket is null: write a string or a number");
    CHECK(parse_policy_file(R"({"allow_inbound": ["10.1.0.0/16:8080", 3000, "22,10.2.0.0/16:80"]})",
                            "policy.json")
              ->settings.at("allow_inbound")
              .text == "3000,22,10.1.0.0/16:8080,10.2.0.0/16:80");
    CHECK(parse_policy_file(R"({"allow_inbound": "10.1.0.0/16:8080,3000"})", "policy.json")
              ->settings.at("allow_inbound")
              .text == "10.1.0.0/16:8080,3000");
    CHECK(parse_policy_file(R"({"upstream": ["[2001:db8::1]:53", "192.0.2.1"]})", "policy.json")
              ->settings.at("upstream")
              .text == "[2001:db8::1]:53,192.0.2.1");
  }

  TEST_CASE("the module's object is read with its lines") {
    const auto policy = parse_policy_file(
        "{\"telemetry\": {\"enabled\": false, \"otlp_endpoint\": \"https://a\", \"otlp_protocol\": "
        "\"grpc\",\n"
        "\"otlp_headers\": {\"b\": \"1\", \"a\": \"2\"},\n\"resource_attributes\": {\n\"team\": \"x y\"}}}",
        "policy.json");
    REQUIRE(policy);
    const Module& module = *policy->module;
    CHECK(module.origin == "policy.json");
    CHECK(module.enabled == Choice::no);
    CHECK(module.endpoint == "https://a");
    CHECK(module.protocol == "grpc");
    REQUIRE(module.headers.size() == 2);
    CHECK(module.headers[0].first == "b");
    CHECK(module.headers[0].second.reveal() == "1");
    REQUIRE(module.resource_attributes.size() == 1);
    CHECK(module.resource_attributes[0].text == "x y");
    CHECK(module.resource_attributes[0].origin == "policy.json: line 4");
  }

  TEST_CASE("a null in the module's object counts as missing, as Terraform writes it") {
    const auto policy = parse_policy_file(
        R"({"telemetry": {"enabled": null, "otlp_endpoint": null, "otlp_protocol": null, "otlp_headers": null,
            "resource_attributes": null}})",
        "policy.json");
    REQUIRE_MESSAGE(policy, error_of(policy));
    CHECK(policy->module->enabled == Choice::yes);
    CHECK(policy->module->endpoint.empty());
    CHECK(policy->module->headers.empty());
  }
}
