#include "ostiary/claude/derive.h"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "policy/variables.h"

using namespace ostiary::claude;
using namespace ostiary::policy;

namespace {

using Values = std::map<std::string_view, std::string_view>;

ostiary::Result<std::vector<Rule>> rules_from(const Values& values, ApiRoad road = ApiRoad::direct) {
  std::vector<std::string> environment;
  for (const auto& [name, value] : values)
    environment.push_back(std::string(name) + "=" + std::string(value));
  return derive(variables(values), environment, road);
}

std::string derived(const Values& values) {
  const auto rules = rules_from(values);
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
    const auto relayed = [](const Values& values) {
      std::string written;
      const auto rules = rules_from(values, ApiRoad::relay).value();
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

  TEST_CASE("without a region Vertex has Claude Code's") {
    CHECK(derived({{"CLAUDE_CODE_USE_VERTEX", "1"}})
              .contains("\nus-east5-aiplatform.googleapis.com:443/tcp (CLAUDE_CODE_USE_VERTEX)"));
    CHECK_FALSE(derived({{"CLAUDE_CODE_USE_VERTEX", "1"}, {"ANTHROPIC_VERTEX_BASE_URL", "https://v.example"}})
                    .contains("aiplatform"));
  }

  TEST_CASE("a model of any name can have a region of Vertex's, once for each variable") {
    const std::string hosts = derived({{"CLAUDE_CODE_USE_VERTEX", "1"},
                                       {"VERTEX_REGION_CLAUDE_", "us-west4"},
                                       {"VERTEX_REGION_CLAUDE_NAME_OF_TOMORROW_9_9", "europe-west1"},
                                       {"VERTEX_REGION_CLAUDE_OPUS_9", ""},
                                       {"VERTEX_REGION_GEMINI", "us-west3"}});
    CHECK(hosts.contains(
        "europe-west1-aiplatform.googleapis.com:443/tcp (VERTEX_REGION_CLAUDE_NAME_OF_TOMORROW_9_9)"));
    CHECK_FALSE(hosts.contains("us-west"));
    CHECK(derived({{"CLAUDE_CODE_USE_VERTEX", "1"}, {"VERTEX_REGION_CLAUDE_OPUS_9", "hunter2.example"}}) ==
          "VERTEX_REGION_CLAUDE_OPUS_9: is not a region: write one like us-east5 or global");
    CHECK_FALSE(derived({{"VERTEX_REGION_CLAUDE_OPUS_9", "us-west3"}}).contains("us-west3"));
    const std::vector<std::string> twice(2, "VERTEX_REGION_CLAUDE_A=us-west3");
    const auto rules =
        *derive(variables({{"CLAUDE_CODE_USE_VERTEX", "1"}, {"VERTEX_REGION_CLAUDE_A", "us-west3"}}), twice);
    CHECK(std::ranges::count(rules, "VERTEX_REGION_CLAUDE_A", &Rule::reason) == 1);
  }

  TEST_CASE("Bedrock's Mantle endpoint needs the host of its region") {
    const std::string hosts = derived({{"CLAUDE_CODE_USE_MANTLE", "1"}, {"AWS_REGION", "eu-west-1"}});
    CHECK(hosts.contains("bedrock-mantle.eu-west-1.api.aws:443/tcp (CLAUDE_CODE_USE_MANTLE)"));
    CHECK(hosts.contains("sts.eu-west-1.amazonaws.com:443/tcp (CLAUDE_CODE_USE_MANTLE)"));
    CHECK_FALSE(hosts.contains("bedrock-runtime"));
    CHECK_FALSE(hosts.contains("claude.ai"));
    CHECK(derived({{"CLAUDE_CODE_USE_MANTLE", "1"},
                   {"AWS_REGION", "eu-west-1"},
                   {"ANTHROPIC_SMALL_FAST_MODEL_AWS_REGION", "us-west-2"}})
              .contains("bedrock-mantle.us-west-2.api.aws:443/tcp (ANTHROPIC_SMALL_FAST_MODEL_AWS_REGION)"));
    CHECK(derived({{"CLAUDE_CODE_USE_MANTLE", "1"}}) ==
          "CLAUDE_CODE_USE_MANTLE: preset:aws-mantle: needs a region: set AWS_REGION, like us-east-1");
    const std::string gateway =
        derived({{"CLAUDE_CODE_USE_MANTLE", "1"}, {"ANTHROPIC_BEDROCK_MANTLE_BASE_URL", "http://m:81"}});
    CHECK(gateway.contains("m:81/tcp (ANTHROPIC_BEDROCK_MANTLE_BASE_URL)"));
    CHECK_FALSE(gateway.contains("amazonaws"));
  }

  TEST_CASE("Claude Platform on AWS needs the host of its region") {
    const std::string hosts =
        derived({{"CLAUDE_CODE_USE_ANTHROPIC_AWS", "1"}, {"AWS_DEFAULT_REGION", "us-west-2"}});
    CHECK(hosts.contains("aws-external-anthropic.us-west-2.api.aws:443/tcp (CLAUDE_CODE_USE_ANTHROPIC_AWS)"));
    CHECK(hosts.contains("sts.amazonaws.com:443/tcp (CLAUDE_CODE_USE_ANTHROPIC_AWS)"));
    CHECK_FALSE(hosts.contains("bedrock"));
    CHECK_FALSE(hosts.contains("claude.ai"));
    CHECK(derived({{"CLAUDE_CODE_USE_ANTHROPIC_AWS", "1"}, {"ANTHROPIC_AWS_BASE_URL", "https://p.example"}})
              .contains("p.example:443/tcp (ANTHROPIC_AWS_BASE_URL)"));
  }

  TEST_CASE("Claude Platform on Google Cloud has one host") {
    const std::string hosts = derived({{"CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD", "1"}});
    CHECK(hosts.contains("claude.googleapis.com:443/tcp (CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD)"));
    CHECK(hosts.contains("oauth2.googleapis.com:443/tcp (CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD)"));
    CHECK_FALSE(hosts.contains("claude.ai"));
    const std::string gateway = derived({{"CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD", "1"},
                                         {"ANTHROPIC_GOOGLE_CLOUD_BASE_URL", "https://g.example"}});
    CHECK(gateway.contains("g.example:443/tcp (ANTHROPIC_GOOGLE_CLOUD_BASE_URL)"));
    CHECK_FALSE(gateway.contains("claude.googleapis.com"));
  }

  TEST_CASE("Foundry needs its resource or its URL") {
    CHECK(derived({{"CLAUDE_CODE_USE_FOUNDRY", "1"}, {"ANTHROPIC_FOUNDRY_RESOURCE", "team"}})
              .contains("team.services.ai.azure.com:443/tcp (ANTHROPIC_FOUNDRY_RESOURCE)"));
    CHECK(derived({{"CLAUDE_CODE_USE_FOUNDRY", "1"}, {"ANTHROPIC_FOUNDRY_BASE_URL", "https://f.example/x"}})
              .contains("f.example:443/tcp (ANTHROPIC_FOUNDRY_BASE_URL)"));
    CHECK(derived({{"CLAUDE_CODE_USE_FOUNDRY", "1"}}).contains("set ANTHROPIC_FOUNDRY_RESOURCE"));
  }

  TEST_CASE("a gateway can be reached at its own port, also on a private network") {
    const auto rules = *rules_from({{"ANTHROPIC_API_KEY", "x"},
                                    {"ANTHROPIC_BASE_URL", "http://gateway:4000/v1"},
                                    {"ANTHROPIC_VERTEX_BASE_URL", "https://[2001:db8::1]"},
                                    {"CODER_AGENT_URL", "https://coder.example/"}});
    REQUIRE(rules.size() == 4);
    CHECK(rules[0].answers == Answers::public_only);
    CHECK(text(rules[1]) == "gateway:4000/tcp");
    CHECK(rules[1].reason == "ANTHROPIC_BASE_URL");
    CHECK(rules[1].answers == Answers::private_too);
    CHECK(text(rules[2]) == "[2001:db8::1]:443/tcp");
    CHECK(text(rules[3]) == "coder.example:443/tcp");
  }

  TEST_CASE("a gateway over https names itself in TLS on each port, and one over http on none") {
    const std::string rules = derived({{"ANTHROPIC_API_KEY", "x"},
                                       {"ANTHROPIC_BASE_URL", "https://a.example:8443"},
                                       {"ANTHROPIC_VERTEX_BASE_URL", "http://b.example:443/v1"},
                                       {"CODER_AGENT_URL", "https://192.0.2.7:8443"}});
    CHECK(rules.contains("a.example:8443/tls (ANTHROPIC_BASE_URL)"));
    CHECK(rules.contains("b.example:443/raw (ANTHROPIC_VERTEX_BASE_URL)"));
    CHECK(rules.contains("192.0.2.7:8443/tcp (CODER_AGENT_URL)"));
  }

  TEST_CASE("a URL that cannot be read is an error that names the variable and not its value") {
    for (const char* url : {"hunter2", "https://user:hunter2@a.example", "https://a.example:hunter2"}) {
      const std::string error = derived({{"ANTHROPIC_BASE_URL", url}});
      CHECK_MESSAGE(error.starts_with("ANTHROPIC_BASE_URL has "), error);
      CHECK_FALSE(error.contains("hunter2"));
    }
  }
}
