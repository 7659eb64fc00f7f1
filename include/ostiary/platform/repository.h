// platform/repository.h: the git repository in which the agent starts, as far as two of its files say.
// - The agent can write them: what they say only describes. They cannot name a person.
// - No link is followed in the directory, and no file .git, such as that of a worktree.
// - Of the URL only the path is taken, and none with a character that could be part of a credential.
#pragma once

#include <string>
#include <string_view>

namespace ostiary::platform {

struct Repository {
  std::string name = {};    // "owner/name", of the remote origin; empty if unknown
  std::string branch = {};  // empty if none is checked out
};

// Empty where there is none, and what cannot be read.
Repository read_repository(const std::string& directory);

// From the text of .git/config.
std::string repository_name(std::string_view config);
// From the text of .git/HEAD.
std::string branch_name(std::string_view head);

}  // namespace ostiary::platform
