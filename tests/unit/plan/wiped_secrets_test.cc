// Memory that the keeper frees contains no secret.

#include <doctest/doctest.h>

#include "freed_memory.h"
#include "ostiary/plan/print.h"
#include "ostiary/state/session.h"
#include "plan/made_up.h"

using namespace ostiary;
using namespace ostiary::plan;
using namespace ostiary::state;
using ostiary::testing::FreedMemory;

namespace {

constexpr const char* secret = "hunter2-hunter2-hunter2";

config::Environment filled() {
  config::Environment environment;
  environment.set("ANTHROPIC_API_KEY", secret);
  return environment;
}

}  // namespace

TEST_SUITE("plan/wiped_secrets") {
  TEST_CASE("the test detects freed memory that contains a secret") {
    const FreedMemory freed(secret);
    {
      const std::string plain = std::string("TOKEN=") + secret;
    }
    CHECK(freed.count() > 0);
  }

  TEST_CASE("an environment that grows, changes and is destroyed leaves no secret") {
    const FreedMemory freed(secret);
    {
      config::Environment environment = filled();
      for (int number = 0; number < 100; ++number)
        environment.set("OTEL_EXPORTER_OTLP_HEADERS_" + std::to_string(number % 40), secret);
      config::Environment copy =
          environment.without([](std::string_view name) { return name.ends_with("7"); });
      copy.set("ANTHROPIC_API_KEY", "another");
      environment = std::move(copy);
      environment = filled();
    }
    CHECK(freed.count() == 0);
  }

  TEST_CASE("the agent's environment and the session file leave no secret") {
    auto config = config::good_config(
        {.environment = {std::string("ANTHROPIC_API_KEY=") + secret, std::string("GITHUB_TOKEN=") + secret,
                         std::string("OTEL_EXPORTER_OTLP_HEADERS=x-key=") + secret,
                         "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318"}});
    config.relay = config::RelaySwitch::off;
    auto telemetry = telemetry::plan_telemetry(config, {});
    REQUIRE(telemetry);
    const FreedMemory freed(secret);
    {
      const AgentEnvironment environment = make_agent_environment(config, node, *telemetry);
      REQUIRE(environment.agent.get("ANTHROPIC_API_KEY") == secret);
      REQUIRE(environment.agent.get("OTEL_EXPORTER_OTLP_HEADERS").contains(secret));
      const Secret text = render_session(node, "/work", "4:40", environment.agent.entries());
      const auto session = parse_session(text.reveal());
      REQUIRE(session);
    }
    CHECK(freed.count() == 0);
  }

  TEST_CASE("beside a relay of the API only the plan has the key, and leaves none in freed memory") {
    auto config = config::good_config({.environment = {std::string("ANTHROPIC_API_KEY=") + secret}});
    config.api_relay = config::Choice::yes;
    config.given.emplace("api_relay", config::Given{"on", "--api-relay"});
    const FreedMemory freed(secret);
    {
      const auto plan = plan_for(config);
      REQUIRE_MESSAGE(plan, error_of(plan));
      REQUIRE(plan->relay);
      CHECK(plan->relay->credentials[0].reveal().contains(secret));
      for (const config::Environment* each :
           {&plan->agent.environment.agent, &plan->agent.environment.auth_hook})
        for (const std::string_view entry : each->entries()) CHECK_FALSE(entry.contains(secret));
      CHECK_FALSE(plan_as_text(*plan).contains(secret));
    }
    CHECK(freed.count() == 0);
  }

  TEST_CASE("of the relays of a policy only the plan has the secrets, and leaves none in freed memory") {
    const auto config = config::good_config({.environment = {std::string("NPM_TOKEN=") + secret},
                                             .files = {{"/etc/ostiary/policy.json", R"({"relays": [
           {"name": "a", "url": "https://a.example", "header": "X-Key", "secret": "NPM_TOKEN", "variable": "A",
            "allow": [{"methods": ["GET"], "path": "/"}]},
           {"name": "b", "url": "https://b.example", "header": "Authorization", "prefix": "Bearer ",
            "secret": "NPM_TOKEN", "variable": "B", "allow": [{"methods": ["GET"], "path": "/"}]}]})"}}});
    const FreedMemory freed(secret);
    {
      const auto plan = plan_for(config);
      REQUIRE_MESSAGE(plan, error_of(plan));
      REQUIRE(plan->relay);
      CHECK(plan->relay->credentials[1].reveal().contains(secret));
      for (const config::Environment* each :
           {&plan->agent.environment.agent, &plan->agent.environment.auth_hook})
        for (const std::string_view entry : each->entries()) CHECK_FALSE(entry.contains(secret));
      CHECK_FALSE(plan_as_text(*plan).contains(secret));
    }
    CHECK(freed.count() == 0);
  }

  TEST_CASE("beside a relay the plan has the secret, and the agent's environment has none") {
    const auto config =
        config::good_config({.environment = {std::string("OTEL_EXPORTER_OTLP_HEADERS=x-key=") + secret,
                                             std::string("OTEL_EXPORTER_OTLP_LOGS_HEADERS=x-log=") + secret,
                                             "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318"}});
    const FreedMemory freed(secret);
    {
      const auto plan = plan_for(config);
      REQUIRE_MESSAGE(plan, error_of(plan));
      REQUIRE(plan->relay);
      REQUIRE(plan->relay->credentials.size() == 2);
      CHECK(plan->relay->credentials[0].reveal().contains(secret));
      for (const config::Environment* each :
           {&plan->agent.environment.agent, &plan->agent.environment.auth_hook})
        for (const std::string_view entry : each->entries()) CHECK_FALSE(entry.contains(secret));
    }
    CHECK(freed.count() == 0);
  }
}
