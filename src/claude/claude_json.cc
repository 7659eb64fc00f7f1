#include "claude/claude_json.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace ostiary::claude {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t key_suffix_length = 20;  // by which Claude Code identifies a key
constexpr int max_depth = 512;

std::unexpected<Error> unusable(std::string_view what) {
  return fail(Exit::configuration,
              std::string(what) + ": it is left unchanged, and Claude Code may ask its first questions");
}

// The parser stops at a NUL, so a text with a NUL is refused. Deep nesting is refused because to
// copy, compare or write a value takes stack for each level.
Result<Json> parse(std::string_view text) {
  bool too_deep = false;
  const auto stay_shallow = [&too_deep](int depth, Json::parse_event_t, const Json&) {
    too_deep = too_deep || depth > max_depth;
    return depth <= max_depth;
  };
  Json json = Json::parse(text.contains('\0') ? std::string_view{} : text, stay_shallow, false);
  if (too_deep) return unusable("is nested deeper than " + std::to_string(max_depth) + " levels");
  if (json.is_discarded()) return unusable("is not valid JSON");
  if (!json.is_object()) return unusable("is not a JSON object");
  return json;
}

bool holds(const Json& list, std::string_view text) {
  return std::ranges::any_of(list, [text](const Json& item) { return item == text; });
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
  const Json before = json;

  json["hasCompletedOnboarding"] = true;
  TRY(trust(json, answers.directory));
  TRY(approve(json, answers.api_key));

  if (json == before) return std::nullopt;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ostiary::claude
