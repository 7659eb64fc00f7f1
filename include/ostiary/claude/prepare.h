// claude/prepare.h: what Claude Code needs to start without its first questions.
// Everything of the agent's is touched as the agent, confined: root neither reads nor writes a byte in its
// home.
#pragma once

#include <string>

#include "ostiary/base/result.h"
#include "ostiary/claude/claude_json.h"
#include "ostiary/confine/identity.h"

namespace ostiary::claude {

// Makes the directory if it is missing: as the agent; where that is not permitted, as root for the agent,
// through no symbolic link.
Result<> make_workdir(const confine::Identity& identity, const std::string& workdir);

// Writes the answers to ~/.claude.json. An error is worth a warning: Claude Code asks then.
Result<> write_first_answers(const confine::Identity& identity, const FirstAnswers& answers);

}  // namespace ostiary::claude
