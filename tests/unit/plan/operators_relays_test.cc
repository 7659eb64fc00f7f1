#include "plan/operators_relays.h"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ostiary/plan/print.h"
#include "plan/made_up.h"

using namespace ostiary;
using namespace ostiary::plan;
using ostiary::config::MadeUp;

namespace {

using Strings = std::vector<std::string>;

const std::string registry = R"({"name": "registry", "url": "https://npm.example.com/private",
  "header": "Authorization", "prefix": "Bearer ", "secret": "NPM_TOKEN",
  "allow": [{"methods": ["GET", "HEAD"], "path": "/", "below": true}], "variable": "NPM_CONFIG_REGISTRY"})";
const std::string tickets = R"({"name": "tickets", "url": "http://10.1.2.3:8080", "header": "X-Key",
  "secret": "TICKETS_KEY", "allow": [{"methods": ["POST"], "path": "/v1/tickets"},
  {"methods": ["GET"], "path": "/v1/tickets", "below": true}], "variable": "TICKETS", "value": "{url}/v1"})";

MadeUp container(std::map<std::string_view, std::string> flags = {}, Strings environment = {},
                 const std::string& relays = registry + "," + tickets) {
  environment.insert(environment.end(),
                     {"NPM_TOKEN=hunter2", "TICKETS_KEY_FILE=/k", "NPM_CONFIG_REGISTRY=https://x"});
  flags.emplace("upstream", "192.0.2.53");
  return {.environment = std::move(environment),
          .files = {{"/etc/ostiary/policy.json", "{\"relays\": [" + relays + "]}"}, {"/k", "hunter3\n"}},
          .flags = std::move(flags)};
}

std::string error_with(std::map<std::string_view, std::string> flags, Strings environment = {},
                       const std::string& relays = registry + "," + tickets) {
  return error_of(plan_of(container(std::move(flags), std::move(environment), relays)));
}

}  // namespace

TEST_SUITE("plan/operators_relays") {
  TEST_CASE("each relay has a port after the API's, a server, a secret in its header, and what may pass") {
    const Plan plan = good_plan(container());
    REQUIRE(plan.relay);
    const auto& forwards = plan.relay->setup.forwards;
    REQUIRE(forwards.size() == 2);
    CHECK(forwards[0].name == "registry");
    CHECK(forwards[0].port == 15356);
    CHECK(forwards[0].server.scheme == inet::Scheme::https);
    CHECK(inet::text(forwards[0].server.destination) == "npm.example.com:443");
    CHECK(forwards[0].authority == "npm.example.com");
    CHECK(forwards[0].base_path == "/private");
    CHECK(forwards[0].replaced == Strings{"Authorization"});
    CHECK(forwards[0].errors == relay::ErrorForm::text);
    CHECK(std::ranges::find(forwards[0].passing, "npm-command") != forwards[0].passing.end());
    CHECK(std::ranges::find(forwards[0].passing, "anthropic-") == forwards[0].passing.end());
    CHECK(forwards[1].port == 15357);
    CHECK(forwards[1].authority == "10.1.2.3:8080");
    REQUIRE(forwards[1].allowed.size() == 2);
    CHECK(forwards[1].allowed[0].match == relay::AllowedRequests::Match::exact);
    CHECK(forwards[1].allowed[1].match == relay::AllowedRequests::Match::with_paths_below);
    REQUIRE(plan.relay->credentials.size() == 2);
    CHECK(plan.relay->credentials[0].reveal() == "Authorization: Bearer hunter2\r\n");
    CHECK(plan.relay->credentials[1].reveal() == "X-Key: hunter3\r\n");
    CHECK(plan.gate->ruleset.relay_ports == std::vector<uint16_t>{15356, 15357});
  }

  TEST_CASE("the ports stay those of the file's order beside telemetry and the API, which come first") {
    const Plan plan =
        good_plan(container({{"api_relay", "on"}}, telemetry::trio_and({"ANTHROPIC_API_KEY=hunter4"})));
    CHECK(plan.gate->ruleset.relay_ports == std::vector<uint16_t>{15354, 15355, 15356, 15357});
    REQUIRE(plan.relay->credentials.size() == 4);
    CHECK(plan.relay->credentials[1].reveal() == "x-api-key: hunter4\r\n");
    CHECK(plan.relay->credentials[2].reveal() == "Authorization: Bearer hunter2\r\n");
    REQUIRE(plan.gate->setup.relayed.size() == 4);
    CHECK(text(plan.gate->setup.relayed[2]) == "npm.example.com:443/tcp");
    CHECK(text(plan.gate->setup.relayed[3]) == "10.1.2.3:8080/tcp");
    CHECK(plan.gate->setup.relayed[2].answers == policy::Answers::private_too);
    CHECK(plan.gate->setup.relayed[2].reason == "relay registry");
  }

  TEST_CASE(
      "the agent and the auth hook get the relay's URL, and neither the secret nor a way to the server") {
    const Plan plan = good_plan(container());
    for (const config::Environment* each :
         {&plan.agent.environment.agent, &plan.agent.environment.auth_hook}) {
      CHECK(each->get("NPM_CONFIG_REGISTRY") == "http://127.0.0.1:15356/");
      CHECK(each->get("TICKETS") == "http://127.0.0.1:15357/v1");
      for (const std::string_view entry : each->entries()) {
        CHECK_FALSE(entry.contains("hunter"));
        CHECK_FALSE(entry.starts_with("NPM_TOKEN"));
        CHECK_FALSE(entry.starts_with("TICKETS_KEY"));
      }
    }
    CHECK(plan.agent.environment.removed == Strings{"NPM_TOKEN", "TICKETS_KEY_FILE"});
    CHECK(std::ranges::none_of(rules_of(plan), [](const policy::Rule& each) {
      return text(each).contains("npm.example.com") || text(each).contains("10.1.2.3");
    }));
    CHECK(plan.gate->ruleset.addresses.empty());
    CHECK(has_managed_settings(plan));
    for (const relay::AgentVariable& each : relay_variables(plan))
      CHECK(each.place == relay::AgentVariable::Place::managed_settings_too);
  }

  TEST_CASE("the plan shows what the agent gets, what the relay adds, what passes and what is closed") {
    const Plan plan = good_plan(container());
    const std::string text = plan_as_text(plan), json = plan_as_json(plan);
    for (const char* line :
         {"  relay        takes the agent's requests to registry at 127.0.0.1:15356, without a credential\n"
          "    adds       Authorization, for npm.example.com/private\n"
          "    passes     GET, HEAD / and below\n"
          "    closed     npm.example.com:443 to the agent\n",
          "    adds       X-Key, for 10.1.2.3:8080\n"
          "    passes     POST /v1/tickets; GET /v1/tickets and below\n"
          "    closed     10.1.2.3:8080 to the agent\n",
          "  sets         NPM_CONFIG_REGISTRY=http://127.0.0.1:15356/   (relays)\n",
          "  removes      NPM_TOKEN\n"})
      CHECK_MESSAGE(text.contains(line), text);
    CHECK_FALSE(text.contains("lost"));
    CHECK_FALSE(text.contains("hunter"));
    CHECK_FALSE(json.contains("hunter"));
    CHECK(json.contains("\"listens\": \"127.0.0.1:15357\""));
  }

  TEST_CASE("a certificate of the client's is for Claude's API, and other files of TLS are for all") {
    const Plan plan = good_plan(container(
        {{"api_relay", "on"}}, {"ANTHROPIC_API_KEY=hunter4", "SSL_CERT_FILE=/a", "NODE_EXTRA_CA_CERTS=/m",
                                "CLAUDE_CODE_CLIENT_CERT=/c", "CLAUDE_CODE_CLIENT_KEY=/k"}));
    CHECK(plan.relay->setup.forwards[0].tls_files.client_key == "/k");
    CHECK(plan.relay->setup.forwards[1].tls_files ==
          telemetry::TlsFiles{.authorities = "/a", .more_authorities = "/m"});
  }

  TEST_CASE("a relay that cannot serve is an error that says where and what to write") {
    CHECK(
        error_with({{"gate", "off"}}) ==
        "/etc/ostiary/policy.json: line 1: the relay gets its connections from the gate, which is off: write "
        "--gate on, or leave out relays");
    CHECK(
        error_with({}, {"HTTPS_PROXY=http://p:3128"}) ==
        "/etc/ostiary/policy.json: line 1: HTTPS_PROXY is set, and the relay connects directly: take out the "
        "variable, or leave out relays");
    std::string local = tickets;
    local.replace(local.find("10.1.2.3"), 8, "127.0.0.1");
    CHECK(error_with({}, {}, registry + ",\n" + local) ==
          "/etc/ostiary/policy.json: line 4: the url of tickets is on loopback, where the agent could stand "
          "in for "
          "the server: move the server to another host, or leave out relays");
    CHECK(plan_of(container({{"scope", "user"}}, {}, local)));
    for (const char* secret : {"NPM_TOKEN=a hunter5", "NPM_TOKEN=hunter5\xff"})
      CHECK(error_with({}, {secret}) ==
            "NPM_TOKEN: has a space, or a letter that is not ASCII: write the secret of the relay registry "
            "alone; "
            "what precedes it in the header is its \"prefix\"");
  }

  TEST_CASE("a rule that opens a relay's server to the agent is a warning") {
    const Plan plan = good_plan(container({{"allow", "npm.example.com"}}));
    CHECK(std::ranges::any_of(plan.warnings, [](const std::string& each) {
      return each ==
             "--allow opens npm.example.com:443 to the agent, which the relay reaches for it: take out that "
             "rule";
    }));
  }
}
