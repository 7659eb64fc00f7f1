#include "ostiary/claude/derive.h"

#include <string>

#include <doctest/doctest.h>

#include "policy/variables.h"

using namespace ostiary::claude;
using namespace ostiary::policy;

namespace {

std::string derived(std::map<std::string_view, std::string_view> values) {
  const auto rules = derive(variables(std::move(values)));
  if (!rules) return rules.error().message;
  std::string written;
  for (const Rule& rule : *rules) written += text(rule) + " (" + rule.reason + ")\n";
  return written;
}

}  // namespace

TEST_SUITE("claude/derive") {
  TEST_CASE("an API key needs Claude's API and nothing else") {
    CHECK(derived({{"ANTHROPIC_API_KEY", "x"}}) == "api.anthropic.com:443/tcp (Claude's API)\n");
  }

  TEST_CASE("beside a relay of the API neither the API nor its sign-in is open") {
    const auto relayed = [](std::map<std::string_view, std::string_view> values) {
      std::string written;
      const auto rules = derive(variables(std::move(values)), ApiRoad::relay).value();
      for (const Rule& rule : rules) written += text(rule) + "\n";
      return written;
    };
    CHECK(relayed({{"ANTHROPIC_API_KEY", "x"}}).empty());
    CHECK(relayed({{"CLAUDE_CODE_OAUTH_TOKEN", "x"}, {"ANTHROPIC_BASE_URL", "https://gateway.example"}})
              .empty());
    CHECK(relayed({{"ANTHROPIC_API_KEY", "x"}, {"CODER_AGENT_URL", "https://coder.example"}}) ==
          "coder.example:443/tcp\n");
  }

  TEST_CASE("a session without credentials can sign in") {
    CHECK(derived({}).contains("claude.ai:443/tcp (sign-in"));
    const std::string oauth = derived({{"CLAUDE_CODE_OAUTH_TOKEN", "x"}});
    CHECK(oauth.contains("platform.claude.com:443/tcp (CLAUDE_CODE_OAUTH_TOKEN)"));
    CHECK_FALSE(oauth.contains("claude.ai"));
  }

  TEST_CASE("Bedrock needs its region's hosts") {
    const std::string hosts = derived({{"CLAUDE_CODE_USE_BEDROCK", "1"},
                                       {"AWS_REGION", "eu-west-1"},
                                       {"ANTHROPIC_SMALL_FAST_MODEL_AWS_REGION", "us-west-2"}});
    CHECK(hosts.contains("api.anthropic.com"));
    CHECK(hosts.contains("bedrock-runtime.eu-west-1.amazonaws.com:443/tcp (CLAUDE_CODE_USE_BEDROCK)"));
    CHECK(hosts.contains("bedrock-runtime.us-west-2.amazonaws.com"));
    CHECK(hosts.contains("sts.amazonaws.com"));
    CHECK_FALSE(hosts.contains("claude.ai"));
    CHECK_FALSE(derived({{"CLAUDE_CODE_USE_BEDROCK", "0"}}).contains("bedrock"));
    CHECK(derived({{"CLAUDE_CODE_USE_BEDROCK", "true"}}) ==
          "CLAUDE_CODE_USE_BEDROCK: preset:aws-bedrock: needs a region: set AWS_REGION, like us-east-1");
  }

  TEST_CASE("Vertex needs the host of its region") {
    const std::string hosts = derived({{"CLAUDE_CODE_USE_VERTEX", "1"},
                                       {"CLOUD_ML_REGION", "global"},
                                       {"VERTEX_REGION_CLAUDE_HAIKU_4_5", "us-east5"}});
    CHECK(hosts.contains("\naiplatform.googleapis.com:443/tcp (CLAUDE_CODE_USE_VERTEX)"));
    CHECK(hosts.contains("us-east5-aiplatform.googleapis.com:443/tcp (VERTEX_REGION_CLAUDE_HAIKU_4_5)"));
    CHECK(hosts.contains("oauth2.googleapis.com"));
  }

  TEST_CASE("Foundry needs its resource or its URL") {
    CHECK(derived({{"CLAUDE_CODE_USE_FOUNDRY", "1"}, {"ANTHROPIC_FOUNDRY_RESOURCE", "team"}})
              .contains("team.services.ai.azure.com:443/tcp (ANTHROPIC_FOUNDRY_RESOURCE)"));
    CHECK(derived({{"CLAUDE_CODE_USE_FOUNDRY", "1"}, {"ANTHROPIC_FOUNDRY_BASE_URL", "https://f.example/x"}})
              .contains("f.example:443/tcp (ANTHROPIC_FOUNDRY_BASE_URL)"));
    CHECK(derived({{"CLAUDE_CODE_USE_FOUNDRY", "1"}}).contains("set ANTHROPIC_FOUNDRY_RESOURCE"));
  }

  TEST_CASE("a gateway can be reached at its own port, also on a private network") {
    const auto rules = *derive(variables({{"ANTHROPIC_API_KEY", "x"},
                                          {"ANTHROPIC_BASE_URL", "http://gateway:4000/v1"},
                                          {"ANTHROPIC_VERTEX_BASE_URL", "https://[2001:db8::1]"},
                                          {"CODER_AGENT_URL", "https://coder.example/"}}));
    REQUIRE(rules.size() == 4);
    CHECK(rules[0].answers == Answers::public_only);
    CHECK(text(rules[1]) == "gateway:4000/tcp");
    CHECK(rules[1].reason == "ANTHROPIC_BASE_URL");
    CHECK(rules[1].answers == Answers::private_too);
    CHECK(text(rules[2]) == "[2001:db8::1]:443/tcp");
    CHECK(text(rules[3]) == "coder.example:443/tcp");
  }

  TEST_CASE("a URL that cannot be read is an error that names the variable and not its value") {
    for (const char* url : {"hunter2", "https://user:hunter2@a.example", "https://a.example:hunter2"}) {
      const std::string error = derived({{"ANTHROPIC_BASE_URL", url}});
      CHECK_MESSAGE(error.starts_with("ANTHROPIC_BASE_URL has "), error);
      CHECK_FALSE(error.contains("hunter2"));
    }
  }
}
