#include "ostiary/policy/presets.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "ostiary/policy/parse.h"
#include "variables.h"

using namespace ostiary::policy;

TEST_SUITE("policy/presets") {
  TEST_CASE("every entry of every preset is a rule") {
    const auto session = variables({{"AWS_REGION", "eu-central-1"}, {"CLOUD_ML_REGION", "us-east5"}});
    CHECK(presets().size() == 10);
    for (const Preset& preset : presets()) {
      const auto rules = parse_entry("preset:" + std::string(preset.name), "", session);
      REQUIRE_MESSAGE(rules, rules.error().message);
      CHECK(rules->size() == preset.entries.size());
    }
  }

  TEST_CASE("a cloud's preset is for the session's region only") {
    const auto bedrock = expand_preset("aws-bedrock", variables({{"AWS_DEFAULT_REGION", "eu-west-3"}}));
    CHECK(std::ranges::find(*bedrock, "bedrock-runtime.eu-west-3.amazonaws.com") != bedrock->end());
    CHECK(expand_preset("google-vertex", variables({{"CLOUD_ML_REGION", "global"}}))->front() ==
          "aiplatform.googleapis.com");
    CHECK(*vertex_host("eu") == "aiplatform.eu.rep.googleapis.com");
    CHECK(*vertex_host("us-east5") == "us-east5-aiplatform.googleapis.com");
  }

  TEST_CASE("the error asks for the region if it is missing or invalid") {
    CHECK(expand_preset("aws-bedrock", variables()).error().message ==
          "preset:aws-bedrock: needs a region: set AWS_REGION, like us-east-1");
    for (const char* region : {"evil.example/", "a.b", "*", "US", "-a", "a:22"}) {
      CHECK_FALSE(expand_preset("aws-bedrock", variables({{"AWS_REGION", region}})));
      CHECK_FALSE(expand_preset("google-vertex", variables({{"CLOUD_ML_REGION", region}})));
    }
  }
}
