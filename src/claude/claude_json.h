// claude/claude_json.h: answers Claude Code's first questions in the text of ~/.claude.json. Pure.
// - The answers: onboarding is done, one directory is trusted, and the environment's API key is
//   approved.
// - Claude Code identifies an API key by its last characters, which the file holds. A key that the
//   file rejects stays rejected.
// - Other members of the JSON object stay unchanged, in their order.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"
#include "ostiary/claude/prepare.h"

namespace ostiary::claude {

// Returns the new text, or nothing if the text has all answers already. A text that is not a JSON
// object is an error.
Result<std::optional<std::string>> answer_first_questions(std::string_view text, const FirstAnswers& answers);

}  // namespace ostiary::claude
