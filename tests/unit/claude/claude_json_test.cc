#include "claude/claude_json.h"

#include <string>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "outcome.h"

using ostiary::error_of;
using ostiary::claude::answer_first_questions;
using Json = nlohmann::ordered_json;

namespace {

std::string trusted(std::string_view text, const std::string& directory = "/work") {
  const auto changed = answer_first_questions(text, {directory, {}});
  REQUIRE_MESSAGE(changed, error_of(changed));
  return changed->value_or("unchanged");
}

std::string with_key(std::string_view text, std::string_view key) {
  const auto changed = answer_first_questions(text, {"/work", key});
  REQUIRE_MESSAGE(changed, error_of(changed));
  return changed->value_or("unchanged");
}

}  // namespace

TEST_SUITE("claude/claude_json") {
  TEST_CASE("marks onboarding as done and the directory as trusted") {
    CHECK(trusted("{}") == R"({
  "hasCompletedOnboarding": true,
  "projects": {
    "/work": {
      "hasTrustDialogAccepted": true
    }
  }
}
)");
  }

  TEST_CASE("keeps every other key, in its order") {
    const Json json = Json::parse(trusted(
        R"({"z": 18446744073709551615, "projects": {"/b": {"x": [1.5, null]}, "/work": {"allowedTools": ["Bash"],
            "hasTrustDialogAccepted": false}}, "a": "ü\u0000", "hasCompletedOnboarding": false})"));
    CHECK(json.dump() ==
          R"({"z":18446744073709551615,"projects":{"/b":{"x":[1.5,null]},"/work":{"allowedTools":["Bash"],)"
          R"("hasTrustDialogAccepted":true}},"a":"ü\u0000","hasCompletedOnboarding":true})");
  }

  TEST_CASE("a file that already has all answers is not written again") {
    CHECK(trusted(trusted("{}")) == "unchanged");
    CHECK(trusted(trusted("{}"), "/other") != "unchanged");
  }

  TEST_CASE("a null instead of an object counts as missing") {
    CHECK(trusted(R"({"projects": null})") != "unchanged");
    CHECK(trusted(R"({"projects": {"/work": null}})") != "unchanged");
  }

  TEST_CASE("approves the API key by its last twenty characters, once") {
    const std::string key = "sk-ant-api03-secret-01234567890123456789";
    const std::string text = with_key("{}", key);
    CHECK(Json::parse(text)["customApiKeyResponses"].dump() ==
          R"({"approved":["01234567890123456789"],"rejected":[]})");
    CHECK_FALSE(text.contains("secret"));
    CHECK(with_key(text, key) == "unchanged");
    CHECK(Json::parse(with_key("{}", "short"))["customApiKeyResponses"]["approved"][0] == "short");
    CHECK_FALSE(Json::parse(with_key("{}", "")).contains("customApiKeyResponses"));
  }

  TEST_CASE("keeps the answers for other keys, and a rejected key stays rejected") {
    const Json json =
        Json::parse(with_key(R"({"customApiKeyResponses": {"approved": ["a"], "rejected": ["b"]}})", "c"));
    CHECK(json["customApiKeyResponses"].dump() == R"({"approved":["a","c"],"rejected":["b"]})");
    const Json turned_down = Json::parse(with_key(R"({"customApiKeyResponses": {"rejected": ["b"]}})", "b"));
    CHECK(turned_down["customApiKeyResponses"].dump() == R"({"rejected":["b"],"approved":[]})");
  }

  TEST_CASE("answers in an unknown form are not changed") {
    for (const char* text :
         {R"({"customApiKeyResponses": 1})", R"({"customApiKeyResponses": {"approved": "a"}})",
          R"({"customApiKeyResponses": {"rejected": {}}})"})
      CHECK_MESSAGE(
          error_of(answer_first_questions(text, {"/work", "key"})).contains("customApiKeyResponses"), text);
  }

  TEST_CASE("a directory with any name can be a key") {
    const std::string odd = "/a\"b\\c\n\xff~/d";
    const Json json = Json::parse(trusted("{}", "/a/b\"\\\n~1"));
    CHECK(json["projects"]["/a/b\"\\\n~1"]["hasTrustDialogAccepted"] == true);
    CHECK_FALSE(Json::parse(trusted("{}", odd), nullptr, false).is_discarded());
  }

  TEST_CASE("a file that is not a JSON object is not changed, with a reason") {
    for (const char* text : {"", "{", "{\"a\": 1,}", "// comment\n{}", "{} x", "{\"a\": \"\xff\"}"})
      CHECK_MESSAGE(
          error_of(answer_first_questions(text, {"/work", {}})).starts_with("is not valid JSON: it is left"),
          text);
    for (const char* text : {"[]", "null", "1", "\"x\""})
      CHECK_MESSAGE(error_of(answer_first_questions(text, {"/work", {}}))
                        .starts_with("is not a JSON object: it is left"),
                    text);
    CHECK(error_of(answer_first_questions(R"({"projects": []})", {"/work", {}}))
              .starts_with("has a \"projects\" that"));
    CHECK(error_of(answer_first_questions(R"({"projects": {"/work": 1}})", {"/work", {}}))
              .starts_with("has a project that"));
  }

  TEST_CASE("a NUL does not end the text early") {
    const std::string cut("{}\0{\"lost\": 1}", 14);
    CHECK(error_of(answer_first_questions(cut, {.directory = "/work", .api_key = {}}))
              .starts_with("is not valid JSON: it is left"));
  }

  TEST_CASE("very deep nesting is not changed and does no harm") {
    std::string deep = "{\"a\": ";
    deep.append(2'000'000, '[').append(2'000'000, ']').append("}");
    CHECK(error_of(answer_first_questions(deep, {.directory = "/work", .api_key = {}}))
              .starts_with("is nested deeper than 512 levels: it is left"));
    const std::string allowed = "{\"a\":" + std::string(511, '[') + std::string(511, ']') + "}";
    CHECK(trusted(allowed) != "unchanged");
  }
}
