#include "claude/claude_json.h"

#include <algorithm>

#include "ostiary/base/json.h"

namespace ostiary::claude {
namespace {

constexpr size_t key_suffix_length = 20;  // by which Claude Code identifies a key
constexpr int max_depth = 512;

std::unexpected<Error> unusable(std::string_view what) {
  return fail(Exit::configuration,
              std::string(what) + ": it is left unchanged, and Claude Code may ask its first questions");
}

Result<Json> parse(std::string_view text) {
  Result<Json> json = Json::parse(text, max_depth);
  if (!json) return unusable(json.error().message);
  if (!json->is_object()) return unusable("is not a JSON object");
  return json;
}

bool holds(const Json& list, std::string_view text) {
  return std::ranges::any_of(
      list.elements(), [text](const Json& item) { return item.text() != nullptr && *item.text() == text; });
}

Result<> trust(Json& json, const std::string& directory) {
  Json& projects = json["projects"];
  if (projects.is_null()) projects = Json::object();
  if (!projects.is_object()) return unusable("has a \"projects\" that is not an object");
  Json& project = projects[directory];
  if (project.is_null()) project = Json::object();
  if (!project.is_object()) return unusable("has a project that is not an object");
  project["hasTrustDialogAccepted"] = true;
  return {};
}

Result<> approve(Json& json, std::string_view key) {
  if (key.empty()) return {};
  key.remove_prefix(key.size() - std::min(key.size(), key_suffix_length));
  Json& responses = json["customApiKeyResponses"];
  if (responses.is_null()) responses = Json::object();
  if (!responses.is_object()) return unusable("has a \"customApiKeyResponses\" that is not an object");
  for (const char* list : {"approved", "rejected"}) {
    if (responses[list].is_null()) responses[list] = Json::array();
    if (!responses[list].is_array())
      return unusable("has answers in \"customApiKeyResponses\" that are not an array");
  }
  if (!holds(responses["approved"], key) && !holds(responses["rejected"], key))
    responses["approved"].push_back(key);
  return {};
}

}  // namespace

Result<std::optional<std::string>> answer_first_questions(std::string_view text,
                                                          const FirstAnswers& answers) {
  Json json = TRY(parse(text));
  const std::string before = json.compact();

  json["hasCompletedOnboarding"] = true;
  TRY(trust(json, answers.directory));
  TRY(approve(json, answers.api_key));

  if (json.compact() == before) return std::nullopt;
  return json.indented() + "\n";
}

}  // namespace ostiary::claude
