// claude/prepare.h: prepares a start of Claude Code without its first questions.
// - All work on the agent's files is done in a child that is confined as the agent. Root neither
//   reads nor writes a byte in the agent's home.
// - A signal among `requests` ends the work early, without an error, and stays pending.
#pragma once

#include <string>
#include <string_view>

#include "ostiary/base/result.h"
#include "ostiary/confine/identity.h"
#include "ostiary/event/signals.h"

namespace ostiary::claude {

// Creates the directory if it is missing: as the agent, or if the agent may not, as root. Root
// follows no symbolic link, and gives the directory to the agent.
Result<> make_workdir(const confine::Identity& identity, const std::string& workdir,
                      const event::Signals& requests);

// The answers to Claude Code's first questions.
struct FirstAnswers {
  std::string directory;     // to trust
  std::string_view api_key;  // to approve; empty if there is none
};

// Writes the answers to ~/.claude.json. After an error Claude Code asks its questions, so a warning
// is enough.
Result<> write_first_answers(const confine::Identity& identity, const FirstAnswers& answers,
                             const event::Signals& requests);

}  // namespace ostiary::claude
