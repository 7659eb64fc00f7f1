// ~/.claude.json, which the agent wrote. A file that is not a complete JSON object is not changed.
// Otherwise the three answers have their values, everything else is unchanged and in its order, and
// a second run changes nothing.
#include "claude/claude_json.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "fuzz.h"

using namespace ostiary;
using Json = nlohmann::ordered_json;

namespace {

const std::string directory = "/work";
const std::string end_of_key = "abcdefghijklmnopqrst";

bool holds_key(const Json& list) {
  return std::ranges::any_of(list, [](const Json& item) { return item == end_of_key; });
}

// Without the answers, and without the objects that were added to hold them.
Json without_ours(Json json) {
  json.erase("hasCompletedOnboarding");
  if (!json.contains("projects") || json["projects"].is_null()) json["projects"] = Json::object();
  Json& projects = json["projects"];
  if (!projects.contains(directory) || projects[directory].is_null()) projects[directory] = Json::object();
  projects[directory].erase("hasTrustDialogAccepted");
  Json& responses = json["customApiKeyResponses"];
  if (responses.is_null()) responses = Json::object();
  for (const char* list : {"approved", "rejected"})
    if (responses[list].is_null()) responses[list] = Json::array();
  if (!responses["approved"].empty() && responses["approved"].back() == end_of_key)
    responses["approved"].erase(responses["approved"].size() - 1);
  return json;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::as_text({data, size});
  const claude::FirstAnswers answers{.directory = directory, .api_key = "sk-ant-abcdefghijklmnopqrst"};
  const auto merged = claude::answer_first_questions(text, answers);
  if (!merged) {
    HOLDS(fuzz::is_one_line(merged.error()));
    return 0;
  }
  HOLDS(!text.contains('\0'));
  const Json before = Json::parse(text);
  const std::string written = merged->value_or(std::string(text));
  const Json after = Json::parse(written);
  HOLDS(after["hasCompletedOnboarding"] == true);
  HOLDS(after["projects"][directory]["hasTrustDialogAccepted"] == true);
  const Json& responses = after["customApiKeyResponses"];
  HOLDS(holds_key(responses["approved"]) || holds_key(responses["rejected"]));
  const Json left = without_ours(after);
  const Json was = without_ours(before);
  // Compared as text, so that the order counts. An added "projects" is last.
  HOLDS(left.dump() == was.dump());
  const auto again = claude::answer_first_questions(written, answers);
  HOLDS(again && !*again);
  return 0;
}
