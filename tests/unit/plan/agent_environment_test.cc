#include "ostiary/plan/agent_environment.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "plan/made_up.h"

using namespace ostiary::plan;
using ostiary::config::Environment;
using ostiary::config::MadeUp;

namespace {

using Strings = std::vector<std::string>;

Strings entries_of(const Environment& environment) {
  return {environment.entries().begin(), environment.entries().end()};
}

const Strings login_of_node{"HOME=/home/node", "USER=node", "LOGNAME=node", "SHELL=/bin/sh"};

Strings and_login(Strings entries) {
  entries.insert(entries.end(), login_of_node.begin(), login_of_node.end());
  return entries;
}

}  // namespace

TEST_SUITE("plan/agent_environment") {
  TEST_CASE("other variables are kept byte for byte and in their order") {
    const Strings theirs{"PATH=/bin", "Z=\xff\n", "A=", "OTEL_METRICS_EXPORTER=console", "PLAIN", "A=2"};
    const auto environment =
        good_plan({.environment = theirs, .flags = {{"user", "node"}}}).agent.environment;
    CHECK(entries_of(environment.agent) == and_login(theirs));
    CHECK(entries_of(environment.auth_hook) == and_login(theirs));
    CHECK(environment.removed.empty());
  }

  TEST_CASE("the agent gets no consumed secret and no control variable") {
    const auto environment =
        direct_plan({.environment = {"PATH=/bin", "GRAFANA_INSTANCE_ID=1", "GRAFANA_API_TOKEN_FILE=/t",
                                     "GRAFANA_OTLP_ENDPOINT=https://g.grafana.net/otlp", "OSTIARY_GRACE=5",
                                     "OSTIARY_USER=", "OSTIARY_SERVICE_HOST=10.0.0.1",
                                     "ANTHROPIC_API_KEY_FILE=/k", "OTEL_EXPORTER_OTLP_LOGS_HEADERS_FILE="},
                     .files = {{"/t", "hunter2"}, {"/k", "key"}}})
            .agent.environment;
    CHECK(environment.removed == Strings{"GRAFANA_INSTANCE_ID", "GRAFANA_API_TOKEN_FILE",
                                         "GRAFANA_OTLP_ENDPOINT", "OSTIARY_GRACE", "OSTIARY_USER",
                                         "OSTIARY_SERVICE_HOST", "ANTHROPIC_API_KEY_FILE",
                                         "OTEL_EXPORTER_OTLP_LOGS_HEADERS_FILE"});
    for (const std::string& name : environment.removed) {
      CHECK_MESSAGE(environment.agent.get(name).empty(), name);
      CHECK_MESSAGE(environment.auth_hook.get(name).empty(), name);
    }
    CHECK(environment.agent.get("ANTHROPIC_API_KEY") == "key");
    CHECK(environment.agent.get("OTEL_EXPORTER_OTLP_ENDPOINT") == "https://g.grafana.net/otlp");
  }

  TEST_CASE("with --user, the login variables are those of that user") {
    const MadeUp container{.environment = {"HOME=/root", "A=1", "USER=root"}, .flags = {{"user", "node"}}};
    CHECK(entries_of(good_plan(container).agent.environment.agent) == and_login({"A=1"}));
  }

  TEST_CASE("without --user, the container's login variables are kept, and missing ones are added") {
    const MadeUp container{.environment = {"HOME=/data", "SHELL="}};
    CHECK(entries_of(good_plan(container, {}, root).agent.environment.agent) ==
          Strings{"HOME=/data", "USER=root", "LOGNAME=root", "SHELL=/bin/bash"});
  }

  TEST_CASE("the agent's own credentials reach it and the auth hook from any source") {
    const auto environment = good_plan({.environment = {"ANTHROPIC_AUTH_TOKEN=a"},
                                        .files = {{"/run/secrets/CLAUDE_CODE_OAUTH_TOKEN", "c\n"}}})
                                 .agent.environment;
    for (const Environment* each : {&environment.agent, &environment.auth_hook}) {
      CHECK(each->get("ANTHROPIC_AUTH_TOKEN") == "a");
      CHECK(each->get("CLAUDE_CODE_OAUTH_TOKEN") == "c");
    }
    CHECK(environment.removed.empty());
  }

  TEST_CASE("telemetry variables replace the container's, and the auth hook has none of them") {
    const auto environment =
        direct_plan({.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "A=1",
                                     "OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic%20hunter2",
                                     "OTEL_RESOURCE_ATTRIBUTES=a=x y"}})
            .agent.environment;
    CHECK(environment.agent.get("OTEL_EXPORTER_OTLP_HEADERS") == "Authorization=Basic hunter2");
    CHECK(environment.agent.get("OTEL_RESOURCE_ATTRIBUTES") == "a=x%20y");
    CHECK(environment.agent.get("CLAUDE_CODE_ENABLE_TELEMETRY") == "1");
    CHECK(environment.removed.empty());
    for (const std::string& entry : entries_of(environment.auth_hook))
      CHECK_MESSAGE(!entry.contains("OTEL"), entry);
    size_t count = 0;
    for (const std::string& entry : entries_of(environment.agent))
      count += entry.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT=");
    CHECK(count == 1);
  }

  TEST_CASE("variables that telemetry withholds are removed") {
    const auto environment =
        good_plan(
            {.environment = {"CLAUDE_CODE_ENABLE_TELEMETRY=1", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318",
                             "OTEL_EXPORTER_OTLP_ENDPOINT=http://d:4318", "OTEL_SERVICE_NAME=x"},
             .flags = {{"telemetry_source", "off"}}})
            .agent.environment;
    CHECK(environment.removed == Strings{"CLAUDE_CODE_ENABLE_TELEMETRY", "OTEL_EXPORTER_OTLP_ENDPOINT"});
    CHECK(environment.agent.get("OTEL_SERVICE_NAME") == "x");
  }
}
