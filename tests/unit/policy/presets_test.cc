#include "ostiary/policy/presets.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "ostiary/policy/parse.h"
#include "variables.h"

using namespace ostiary::policy;

TEST_SUITE("policy/presets") {
  TEST_CASE("every entry of every preset is a rule") {
    const auto session = variables({{"AWS_REGION", "eu-central-1"}, {"CLOUD_ML_REGION", "us-east5"}});
    CHECK(presets().size() == 15);
    for (const Preset& preset : presets()) {
      const auto rules = parse_entry("preset:" + std::string(preset.name), "", session);
      REQUIRE_MESSAGE(rules, rules.error().message);
      CHECK(rules->size() == preset.entries.size());
    }
  }

  TEST_CASE("a host that speaks SSH on port 443 needs no name in TLS") {
    std::string raw;
    for (const char* preset : {"preset:github", "preset:gitlab"}) {
      const auto rules = parse_entry(preset, "", variables()).value();
      for (const Rule& rule : rules)
        if (rule.tls != Named::by_port) raw += text(rule) + " ";
    }
    CHECK(raw == "ssh.github.com:443/raw altssh.gitlab.com:443/raw ");
  }

  TEST_CASE("an interactive start of Claude Code has its hosts, and no others of their owners") {
    CHECK(*expand_preset("claude-interactive", variables()) ==
          std::vector<std::string>{"downloads.claude.ai", "github.com", "raw.githubusercontent.com",
                                   "registry.npmjs.org"});
  }

  TEST_CASE("a runner of self-hosted environments has neither sign-in nor a host that takes anyone's data") {
    CHECK(*expand_preset("claude-self-hosted", variables()) ==
          std::vector<std::string>{"api.anthropic.com", "code.claude.com", "claude.com",
                                   "downloads.claude.ai"});
  }

  TEST_CASE("a cloud's preset is for the session's region only") {
    const auto bedrock = expand_preset("aws-bedrock", variables({{"AWS_DEFAULT_REGION", "eu-west-3"}}));
    CHECK(std::ranges::find(*bedrock, "bedrock-runtime.eu-west-3.amazonaws.com") != bedrock->end());
    CHECK(expand_preset("google-vertex", variables({{"CLOUD_ML_REGION", "global"}}))->front() ==
          "aiplatform.googleapis.com");
    CHECK(expand_preset("google-vertex", variables())->front() == "us-east5-aiplatform.googleapis.com");
    CHECK(expand_preset("aws-mantle", variables({{"AWS_REGION", "eu-west-1"}}))->front() ==
          "bedrock-mantle.eu-west-1.api.aws");
    CHECK(expand_preset("aws-claude", variables({{"AWS_REGION", "eu-west-1"}}))->front() ==
          "aws-external-anthropic.eu-west-1.api.aws");
    CHECK(*vertex_host("eu") == "aiplatform.eu.rep.googleapis.com");
    CHECK(*vertex_host("us-east5") == "us-east5-aiplatform.googleapis.com");
  }

  TEST_CASE("the error asks for the region if it is missing or invalid") {
    for (const char* preset : {"aws-bedrock", "aws-mantle", "aws-claude"})
      CHECK(expand_preset(preset, variables()).error().message ==
            "preset:" + std::string(preset) + ": needs a region: set AWS_REGION, like us-east-1");
    for (const char* region : {"evil.example/", "a.b", "*", "US", "-a", "a:22"}) {
      CHECK_FALSE(expand_preset("aws-bedrock", variables({{"AWS_REGION", region}})));
      CHECK_FALSE(expand_preset("google-vertex", variables({{"CLOUD_ML_REGION", region}})));
    }
  }
}
