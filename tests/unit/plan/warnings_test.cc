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
    CHECK(none.gate->rules.empty());
  }
}
