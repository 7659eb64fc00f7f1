// confine/confine.h: the lock-down of the agent's process, and the one way to its exec.
// Runs in the forked child. Every step is read back from the kernel; the first that does not hold is an
// error, and without a Confined there is no exec.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/confine/identity.h"

namespace ostiary::confine {

// The proof that every step was done and read back.
class Confined {
 private:
  Confined() = default;
  friend Result<Confined> confine(const Identity& identity);
};

struct Command {
  std::vector<std::string> arguments;        // the program first, looked for in PATH
  std::span<const std::string> environment;  // "NAME=value"; borrowed, since it holds secrets
  std::string directory;                     // where it starts; absolute
};

// In this order: descriptors above 2 marked to close, signals reset, the platform's own socket hidden where
// there is one, bounding set, groups, ids, capabilities, no_new_privs, and all of it read back; then the
// filter of system calls (no sockets but Unix, plain IP and netlink, and none made to carry another protocol;
// no ring), read back as well.
Result<Confined> confine(const Identity& identity);

// Returns only if the program could not be started: Exit::not_found or Exit::not_executable.
Error exec(Confined proof, const Command& command);

// Why, as errno has it, with the cure.
Error cannot_start_in(const std::string& directory);

// The capabilities a root agent keeps, by name; everything else leaves the bounding set.
std::vector<std::string> kept_capabilities();

}  // namespace ostiary::confine
