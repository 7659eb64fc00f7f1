// claude/claude_json.h: ~/.claude.json with the answers to Claude Code's first questions: onboarding is done,
// one directory is trusted, and the API key of the environment may be used. The file holds the key's last
// characters, by which Claude Code knows it again. A key that was turned down there stays so.
// Pure. Other keys stay as they are, in their order.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"

namespace ostiary::claude {

struct FirstAnswers {
  std::string directory;
  std::string_view api_key;  // empty where there is none
};

// The new text; nothing where the old one says all of it already. What is not a JSON object is an error.
Result<std::optional<std::string>> answer_first_questions(std::string_view text, const FirstAnswers& answers);

}  // namespace ostiary::claude
