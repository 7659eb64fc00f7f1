// The warnings of a plan, except those about telemetry.
#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "plan/made_up.h"

using namespace ostiary::plan;

namespace {

bool warns(const Plan& plan, std::string_view part) {
  return std::ranges::any_of(plan.warnings, [part](const std::string& each) { return each.contains(part); });
}

}  // namespace

TEST_SUITE("plan/warnings") {
  TEST_CASE("lists the platform credentials that the agent has, without values") {
    for (const char* name : {"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
                             "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                             "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                             "AZURE_FEDERATED_TOKEN_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
                             "GOOGLE_APPLICATION_CREDENTIALS", "IDENTITY_ENDPOINT"}) {
      const Plan plan = good_plan({.environment = {std::string(name) + "=hunter2"}});
      CHECK_MESSAGE(warns(plan, "from the environment: " + std::string(name) + ":"), name);
      CHECK_FALSE(warns(plan, "hunter2"));
    }
  }

  TEST_CASE("lists them in one warning, without empty ones and other variables") {
    CHECK(warns(
        good_plan({.environment = {"ACTIONS_ID_TOKEN_REQUEST_URL=u", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=t"}}),
        "ACTIONS_ID_TOKEN_REQUEST_URL, ACTIONS_ID_TOKEN_REQUEST_TOKEN"));
    CHECK_FALSE(
        warns(good_plan({.environment = {"GOOGLE_APPLICATION_CREDENTIALS=", "MY_IDENTITY_ENDPOINT=x"}}),
              "credentials"));
  }

  TEST_CASE("warns of a credential that leaves without TLS, once for each server") {
    const auto plan_to = [](const std::string& url, const char* header) {
      return good_plan({.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=" + url,
                                        "OTEL_EXPORTER_OTLP_HEADERS=" + std::string(header)}});
    };
    const auto count = [](const Plan& plan) {
      return std::ranges::count(plan.warnings,
                                "http://c.example:4318 has no TLS: whoever is between here and c.example can "
                                "read the credential: write https://");
    };
    CHECK(count(plan_to("http://c.example:4318", "a=hunter2")) == 1);
    CHECK(count(plan_to("http://c.example:4318", "")) == 0);
    CHECK_FALSE(warns(plan_to("https://c.example:4318", "a=hunter2"), "has no TLS"));
    CHECK_FALSE(warns(plan_to("http://127.0.0.1:4318", "a=hunter2"), "has no TLS"));
    CHECK(warns(
        good_plan({.environment = {"ANTHROPIC_API_KEY=hunter2", "ANTHROPIC_BASE_URL=http://gateway:8080"},
                   .flags = {{"api_relay", "on"}}}),
        "http://gateway:8080 has no TLS"));
  }

  TEST_CASE("warns of relay on without telemetry") {
    const std::string warning = "--relay has no effect, because no telemetry is exported";
    CHECK(warns(good_plan({.flags = {{"relay", "on"}}}), warning));
    CHECK_FALSE(warns(
        good_plan({.environment = ostiary::telemetry::grafana_trio, .flags = {{"relay", "on"}}}), warning));
    CHECK_FALSE(warns(good_plan({}), warning));
  }

  TEST_CASE("warns of a proxy: its variable and host, whether a rule opens it, and never its password") {
    for (const char* name :
         {"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"}) {
      const std::string variable = std::string(name) + "=http://user:hunter2@proxy.example:3128/";
      const Plan closed = good_plan({.environment = {variable}});
      CHECK_MESSAGE(
          warns(closed, std::string(name) + " names the proxy proxy.example:3128, which no rule opens: "
                                            "write --allow proxy.example:3128, or take out the variable"),
          name);
      const Plan open =
          good_plan({.environment = {variable, "OSTIARY_ALLOW=*.proxy.example,proxy.example:3128"}});
      CHECK_MESSAGE(
          warns(open, std::string(name) + " names the proxy proxy.example:3128, which a rule opens. A "
                                          "proxy that reaches every host undoes the policy"),
          name);
      CHECK_FALSE(warns(closed, "hunter2"));
      CHECK_FALSE(warns(open, "hunter2"));
    }
    CHECK(warns(
        good_plan({.environment = {"HTTPS_PROXY=10.1.2.3:3128", "OSTIARY_ALLOW=10.1.0.0/16:3000-4000"}}),
        "proxy 10.1.2.3:3128, which a rule opens"));
    CHECK(warns(good_plan({.environment = {"HTTPS_PROXY=proxy.example:3128", "OSTIARY_ALLOW=proxy.example"}}),
                "proxy proxy.example:3128, which no rule opens"));
    CHECK(warns(good_plan({.environment = {"ALL_PROXY=socks5h://proxy.example"}}),
                "the proxy proxy.example:1080,"));
    CHECK(warns(good_plan({.environment = {"HTTPS_PROXY=127.0.0.1:3128"}}),
                "proxy 127.0.0.1:3128, on loopback"));
    CHECK(warns(good_plan({.environment = {"HTTPS_PROXY=http://user:hunter2@a b"}}),
                "HTTPS_PROXY names a proxy"));
    CHECK_FALSE(warns(good_plan({.environment = {"HTTPS_PROXY=http://user:hunter2@a b"}}), "hunter2"));
    CHECK_FALSE(warns(good_plan({.environment = {"HTTPS_PROXY="}}), "proxy"));
    CHECK_FALSE(
        warns(good_plan({.environment = {"HTTPS_PROXY=http://p.example:1", "OSTIARY_GATE=off"}}), "proxy"));
  }

  TEST_CASE("the rule for a proxy on port 443 or 80 opens it for the protocol of its URL") {
    const auto warns_of = [](const char* url, const char* allow, const char* words) {
      return warns(good_plan({.environment = {std::string("HTTPS_PROXY=") + url,
                                              std::string("OSTIARY_ALLOW=") + allow}}),
                   words);
    };
    CHECK(warns_of("http://p.example:443", "a.example",
                   "p.example:443, which no rule opens: write --allow p.example:443/raw, or"));
    CHECK(warns_of("http://p.example:443", "p.example",
                   "p.example:443, which rules open for TLS alone: write --allow p.example:443/raw, or"));
    CHECK(warns_of("http://p.example:443", "p.example,*.example.com,p.example:443/raw",
                   "443, which a rule opens. "));
    CHECK(warns_of("https://p.example", "p.example", "443, which a rule opens. "));
    CHECK(warns_of("https://p.example:8443", "a.example",
                   "8443, which no rule opens: write --allow p.example:8443/tls, or"));
    CHECK(warns_of("http://p.example:80", "p.example:80",
                   "p.example:80, which rules open for requests to the proxy's own name alone: write --allow "
                   "p.example:80/raw, or"));
    CHECK(warns_of("http://p.example:80", "p.example:80/raw", "80, which a rule opens. "));
    CHECK(warns_of("https://p.example:80", "p.example:80", "write --allow p.example:80/tls, or"));
  }

  TEST_CASE("warns of settings that let a flow name a host that no rule allows") {
    CHECK(warns(good_plan({.environment = {"OSTIARY_CHECK_NAMES=off"}}),
                "OSTIARY_CHECK_NAMES off: at an address that is open for an allowed name the agent reaches "
                "every other"));
    CHECK(warns(good_plan({.environment = {"OSTIARY_ECH=allow"}}),
                "OSTIARY_ECH allow: a TLS hello may be encrypted, and then name every site"));
    for (const char* word : {"OSTIARY_CHECK_NAMES=on", "OSTIARY_ECH=refuse"}) {
      const Plan plan = good_plan({.environment = {word}});
      CHECK_FALSE(warns(plan, "OSTIARY_CHECK_NAMES"));
      CHECK_FALSE(warns(plan, "OSTIARY_ECH"));
    }
    CHECK_FALSE(
        warns(good_plan({.environment = {"OSTIARY_CHECK_NAMES=off", "OSTIARY_GATE=off"}}), "OSTIARY_TLS"));
  }

  TEST_CASE("a variable in both spellings gives one warning") {
    const Plan plan =
        good_plan({.environment = {"HTTPS_PROXY=http://p.example:1", "https_proxy=http://p.example:1"}});
    CHECK(std::ranges::count_if(plan.warnings,
                                [](const std::string& each) { return each.contains("proxy"); }) == 1);
    CHECK(warns(plan, "HTTPS_PROXY, https_proxy name the proxy p.example:1"));
  }

  TEST_CASE("warns of a rule for loopback in container scope, where loopback needs none") {
    for (const char* entry : {"localhost:3000", "127.0.0.1:3000", "127.1.0.0/16:3000", "[::1]:3000"}) {
      const Plan plan = good_plan({.environment = {std::string("OSTIARY_ALLOW=") + entry}});
      CHECK_MESSAGE(
          warns(plan, std::string(entry) + "/tcp (OSTIARY_ALLOW) is loopback, which is open in container "
                                           "scope: leave it out"),
          entry);
      CHECK_FALSE(
          warns(good_plan({.environment = {std::string("OSTIARY_ALLOW=") + entry, "OSTIARY_SCOPE=user"}}),
                "loopback"));
    }
    CHECK_FALSE(warns(good_plan({.environment = {"OSTIARY_ALLOW=a.example,10.1.2.3"}}), "loopback"));
  }

  TEST_CASE("warns of a collector on loopback, which is the container itself") {
    for (const char* host : {"localhost", "127.0.0.1", "[::1]"}) {
      const Plan plan =
          good_plan({.environment = {std::string("OTEL_EXPORTER_OTLP_ENDPOINT=http://") + host + ":4318"}});
      CHECK_MESSAGE(warns(plan, "telemetry goes to " + std::string(host) +
                                    ":4318, and that is this container "
                                    "itself: for a collector elsewhere write its host"),
                    host);
      CHECK_FALSE(warns(plan, "leave it out"));
    }
    CHECK_FALSE(
        warns(good_plan({.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT=http://c.example:4318"}}), "itself"));
  }

  TEST_CASE("warns of an allowed name that /etc/hosts holds, and says which address to allow") {
    const auto with = [](std::vector<std::string> environment, std::string_view hosts) {
      auto plan = make_plan(ostiary::config::good_config({.environment = std::move(environment)}), {},
                            {.identity = node,
                             .current_directory = "/here",
                             .facts = {.known_hosts = ostiary::platform::parse_hosts(hosts)},
                             .resolv_conf = {}});
      REQUIRE_MESSAGE(plan, error_of(plan));
      return *std::move(plan);
    };
    const std::string_view hosts =
        "127.0.0.1 localhost me.example\n192.0.2.80 c.example\n2001:db8::1 six.example\n";
    CHECK(warns(
        with({"OTEL_EXPORTER_OTLP_ENDPOINT=http://c.example:4318"}, hosts),
        "c.example (telemetry: traces, metrics, logs) is 192.0.2.80 in /etc/hosts, which ostiary does not "
        "read: write --allow 192.0.2.80:4318"));
    CHECK(warns(with({"OSTIARY_ALLOW=c.example:53/udp"}, hosts), "write --allow 192.0.2.80:53/udp"));
    CHECK(warns(with({"OSTIARY_ALLOW=six.example"}, hosts), "write --allow [2001:db8::1]:443"));
    CHECK(warns(with({"OSTIARY_ALLOW=*.example.test"}, "192.0.2.9 a.example.test"),
                "write --allow 192.0.2.9:443"));
    for (const char* entry : {"me.example", "other.example", "*.c.example", "192.0.2.80"})
      CHECK_FALSE_MESSAGE(warns(with({std::string("OSTIARY_ALLOW=") + entry}, hosts), "/etc/hosts"), entry);
    CHECK(warns(with({"OSTIARY_ALLOW=me.example", "OSTIARY_SCOPE=user"}, hosts), "127.0.0.1 in /etc/hosts"));
  }

  TEST_CASE("warns of an endpoint of Grafana Cloud that is none") {
    const auto with = [](std::string_view url) {
      return good_plan({.environment = {"GRAFANA_INSTANCE_ID=1", "GRAFANA_API_TOKEN=glc_x",
                                        "GRAFANA_OTLP_ENDPOINT=" + std::string(url)}});
    };
    CHECK(warns(with("https://otlp-gateway-prod-eu-west-0.grafana.net"),
                "GRAFANA_OTLP_ENDPOINT: has no /otlp at its end: write "
                "https://otlp-gateway-prod-eu-west-0.grafana.net/otlp"));
    CHECK(warns(with("https://mystack.grafana.net/otlp"),
                "GRAFANA_OTLP_ENDPOINT: mystack.grafana.net is no OTLP gateway of Grafana Cloud, such as "
                "otlp-gateway-prod-eu-west-0.grafana.net"));
    for (const char* url : {"https://otlp-gateway-prod-eu-west-0.grafana.net/otlp",
                            "https://otlp-gateway-prod-eu-west-0.grafana.net/otlp/"})
      CHECK_FALSE_MESSAGE(warns(with(url), "GRAFANA_OTLP_ENDPOINT"), url);
  }

  TEST_CASE("warns of the endpoint of one signal without a path") {
    CHECK(warns(good_plan({.environment = {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://c.example:4318"}}),
                "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: has no path, and is used as it is: write "
                "http://c.example:4318/v1/metrics"));
    CHECK(warns(good_plan({.environment = {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://c.example:4318/"}}),
                "http://c.example:4318/v1/logs"));
    for (const char* variable : {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://c.example:4318/v1/metrics",
                                 "OTEL_EXPORTER_OTLP_ENDPOINT=http://c.example:4318"})
      CHECK_FALSE_MESSAGE(warns(good_plan({.environment = {variable}}), "has no path"), variable);
    CHECK_FALSE(warns(good_plan({.environment = {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://c.example:4317",
                                                 "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=grpc"}}),
                      "has no path"));
  }

  TEST_CASE("warns of rules that cover a resolver with DNS over HTTPS, and of large networks") {
    const Plan plan = good_plan({.environment = {"OSTIARY_ALLOW=*.quad9.net,0.0.0.0/1,128.0.0.0/1"}});
    CHECK(warns(plan, "*.quad9.net:443/tcp (OSTIARY_ALLOW) covers dns.quad9.net"));
    CHECK(warns(plan, "100% of the IPv4 internet"));
  }

  TEST_CASE("an allow that is empty, absent, null or only comments does not change the derived hosts") {
    for (const char* policy :
         {"{}", R"({"allow": []})", R"({"allow": null})", "{\"allow\": [ // a.example\n]}",
          "{\"allow\": [ /* \"a.example\" */ ]}", "{ // \"allow\": [\"*\"]\n}"}) {
      const Plan plan = good_plan(
          {.environment = {"ANTHROPIC_API_KEY=x"}, .files = {{"/etc/ostiary/policy.json", policy}}});
      REQUIRE_MESSAGE(rules_of(plan).size() == 1, policy);
      CHECK(text(rules_of(plan)[0]) == "api.anthropic.com:443/tcp");
    }
    for (const char* list : {"OSTIARY_ALLOW=", "OSTIARY_ALLOW=,", "OSTIARY_ALLOW= ,\t, "}) {
      const Plan plan = good_plan({.environment = {"ANTHROPIC_API_KEY=x", list}});
      REQUIRE_MESSAGE(rules_of(plan).size() == 1, list);
    }
    const Plan none =
        good_plan({.files = {{"/etc/ostiary/policy.json", R"({"allow": null, "no_derive": true})"}}});
    REQUIRE(none.gate);
    CHECK(none.gate->setup.rules.empty());
  }
}
