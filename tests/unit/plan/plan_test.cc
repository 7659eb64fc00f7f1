#include "ostiary/plan/plan.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "confine/profile.h"
#include "ostiary/plan/helpers.h"
#include "ostiary/state/files.h"
#include "plan/made_up.h"

using namespace ostiary::plan;
using ostiary::error_of;
using ostiary::status_of;
using ostiary::config::Choice;
using ostiary::config::MadeUp;
using ostiary::telemetry::grafana_trio;

namespace {

using Strings = std::vector<std::string>;

// Lines "subject:ports/protocol reason" of the rules for telemetry.
std::string openings_of(const Plan& plan) {
  std::string lines;
  for (const ostiary::policy::Rule& rule : rules_of(plan))
    if (rule.reason.starts_with("telemetry")) lines += text(rule) + " " + rule.reason + "\n";
  return lines;
}

}  // namespace

TEST_SUITE("plan/plan") {
  TEST_CASE("no command means claude") {
    CHECK(good_plan({}).agent.command == Strings{"claude"});
    CHECK(good_plan({}, {"bash", "-l"}).agent.command == Strings{"bash", "-l"});
  }

  TEST_CASE("the agent starts in the work directory, else in the current one") {
    CHECK(good_plan({}).agent.workdir == "/here");
    CHECK(good_plan({.flags = {{"workdir", "/work"}}}).agent.workdir == "/work");
  }

  TEST_CASE("Claude Code is prepared if the command is claude with any path, or on request") {
    CHECK(good_plan({}).agent.prepare_claude == Choice::yes);
    CHECK(good_plan({}, {"/usr/local/bin/claude", "-p"}).agent.prepare_claude == Choice::yes);
    for (const char* other : {"bash", "claude-code", "/claude/bash", "myclaude"})
      CHECK_MESSAGE(good_plan({}, {other, "claude"}).agent.prepare_claude == Choice::no, other);
    CHECK(good_plan({.flags = {{"prepare_claude", "true"}}}, {"bash"}).agent.prepare_claude == Choice::yes);
    CHECK(good_plan({.environment = {"OSTIARY_PREPARE_CLAUDE=no"}}).agent.prepare_claude == Choice::no);
  }

  TEST_CASE("opens each destination of telemetry once, and names the signals") {
    CHECK(openings_of(direct_plan({})).empty());
    CHECK(openings_of(direct_plan({.environment = grafana_trio})) ==
          "otlp-gateway-prod-eu-west-0.grafana.net:443/tcp telemetry: traces, metrics, logs\n");
    CHECK(openings_of(direct_plan(
              {.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=https://a",
                               "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=grpc",
                               "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://[2001:db8::1]:4318/"}})) ==
          "a:443/tcp telemetry: traces\na:4317/tls telemetry: metrics\n[2001:db8::1]:4318/tcp telemetry: "
          "logs\n");
    CHECK(openings_of(direct_plan({.environment = {grafana_trio[0]}})).empty());
    CHECK(openings_of(direct_plan({.environment = grafana_trio, .flags = {{"telemetry_source", "off"}}}))
              .empty());
  }

  TEST_CASE("a collector names itself in TLS if its URL says https") {
    CHECK(
        openings_of(direct_plan({.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=http://a:443",
                                                 "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=https://a:443/x",
                                                 "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=https://b:4318/x"}})) ==
        "a:443/raw telemetry: traces\na:443/tcp telemetry: logs\nb:4318/tls telemetry: metrics\n");
  }

  TEST_CASE("the agent's domain leaves it what it is allowed") {
    const auto domain = [](const ostiary::config::MadeUp& container) {
      return good_plan(container).agent.identity.domain;
    };
    CHECK(domain({}) == ostiary::confine::Domain::without_abstract_sockets);
    CHECK(domain({.flags = {{"allow_socket", "/run/a"}}}) ==
          ostiary::confine::Domain::without_abstract_sockets);
    CHECK(domain({.flags = {{"allow_socket", "@name"}}}) == ostiary::confine::Domain::without_signals);
  }

  TEST_CASE("warns of incomplete settings") {
    const std::string gate = "the gate is off: the agent reaches whatever this container can reach";
    CHECK(good_plan({}).warnings.empty());
    CHECK(good_plan({.flags = {{"gate", "off"}}}).warnings == Strings{gate});
    CHECK(good_plan({}, {}, root).warnings ==
          Strings{"the agent runs as root, confined. It can replace "
                  "programs that docker exec and ostiary exec run with the "
                  "container's capabilities: name a user with --user"});
    CHECK(good_plan({.flags = {{"user", "root"}}}, {}, root).warnings.empty());
    CHECK(good_plan({.environment = {grafana_trio[0]}}).warnings ==
          Strings{"telemetry is off: missing GRAFANA_API_TOKEN, GRAFANA_OTLP_ENDPOINT"});
    CHECK(good_plan({.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317"}}).warnings.size() == 1);
  }

  TEST_CASE("telemetry that is required and incomplete ends with status 78 and names what is missing") {
    MadeUp container{.environment = {grafana_trio[0], grafana_trio[1]},
                     .flags = {{"require_telemetry", "true"}}};
    const auto refused = plan_of(container);
    CHECK(error_of(refused) ==
          "--require-telemetry: telemetry is off (incomplete, missing GRAFANA_OTLP_ENDPOINT): set what is "
          "missing, or leave out require-telemetry");
    CHECK(status_of(refused) == 78);
    container.environment = grafana_trio;
    CHECK(status_of(plan_of(container)) == 0);
  }

  TEST_CASE("every helper is confined by the profile of its own name") {
    for (const auto& helper : helpers)
      CHECK(std::string(ostiary::confine::profile_of(helper.profile).process) ==
            std::string("the ") + helper.name);
  }

  TEST_CASE("an auth hook comes with its time limit") {
    CHECK_FALSE(good_plan({}).agent.auth_hook);
    CHECK(good_plan({.flags = {{"auth_hook", "/hook"}}}).agent.auth_hook->time_limit.count() == 60);
    const Plan plan = good_plan({.flags = {{"auth_hook", "/hook"}, {"auth_hook_timeout", "5"}}});
    CHECK(plan.agent.auth_hook->program == "/hook");
    CHECK(plan.agent.auth_hook->time_limit.count() == 5);
  }

  TEST_CASE("lists every file that the boot will write") {
    const std::string session = "/run/ostiary/session";
    const std::string status = "/run/ostiary/status.json";
    const std::string env = "/run/ostiary/otel.env";
    const std::string managed = "/etc/claude-code/managed-settings.d/50-ostiary.json";
    const std::string claude = "/home/node/.claude.json";
    CHECK(files_of(good_plan({}, {"bash"})) == Strings{session, status});
    CHECK(files_of(good_plan({})) == Strings{session, status, claude});
    CHECK(files_of(good_plan({.environment = grafana_trio})) ==
          Strings{env, session, status, managed, claude});
    CHECK(files_of(good_plan({.environment = grafana_trio, .flags = {{"no_managed_settings", "true"}}},
                             {"bash"})) == Strings{env, session, status});
    CHECK(files_of(good_plan({.environment = {grafana_trio[0]}}, {"bash"})) == Strings{session, status});
  }
}
