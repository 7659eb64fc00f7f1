// confine/confine.h: confines the agent's process, and is the only way to its exec.
// - It runs in the forked child.
// - Every step is read back from the kernel, except the domain, of which the kernel tells nothing.
//   The first that did not take effect is an error.
// - Without a Confined there is no exec.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/confine/identity.h"

namespace ostiary::confine {

// Makes this process undumpable: no core file, and no access to its memory by other processes.
Result<> hide_memory();

// Proves that every step was done.
class Confined {
 private:
  Confined() = default;
  friend Result<Confined> confine(const Identity& identity);
};

struct Command {
  std::vector<std::string> arguments;        // the program first; searched in PATH
  std::span<const std::string> environment;  // "NAME=value"; borrowed, because it holds secrets
  std::string directory;                     // the working directory; absolute
};

// The steps, in this order:
// 1. Mark the descriptors above 2 to close at exec.
// 2. Reset signals.
// 3. Hide the platform's socket, if there is one.
// 4. Set the bounding set, groups, ids, capabilities and no_new_privs.
// 5. Read all of it back.
// 6. Enter a Landlock domain, if the identity has one (confine/domain.h).
// 7. Install the filter of system calls (confine/socket_filter.h), and read back that it is there.
Result<Confined> confine(const Identity& identity);

// Returns only if the program cannot be started: Exit::not_found or Exit::not_executable, or the
// error of cannot_start_in() if the process cannot enter the directory.
Error exec(Confined proof, const Command& command);

// The error for a directory that the process cannot enter: errno's reason, with the remedy.
Error cannot_start_in(const std::string& directory);

// The names of the capabilities that a root agent keeps. All others leave the bounding set.
std::vector<std::string> kept_capabilities();

}  // namespace ostiary::confine
