// claude/prepare.h: prepares a start of Claude Code without its first questions.
// - All work on the agent's files is done in a child that is confined as the agent. Root neither
//   reads nor writes a byte in the agent's home.
#pragma once

#include <string>

#include "ostiary/base/result.h"
#include "ostiary/claude/claude_json.h"
#include "ostiary/confine/identity.h"

namespace ostiary::claude {

// Creates the directory if it is missing: as the agent, or if the agent may not, as root. Root
// follows no symbolic link, and gives the directory to the agent.
Result<> make_workdir(const confine::Identity& identity, const std::string& workdir);

// Writes the answers to ~/.claude.json. After an error Claude Code asks its questions, so a warning
// is enough.
Result<> write_first_answers(const confine::Identity& identity, const FirstAnswers& answers);

}  // namespace ostiary::claude
