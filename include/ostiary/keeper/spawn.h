// keeper/spawn.h: a confined process in a process group of its own.
// When this returns, the program is running: whatever went wrong between fork and exec comes back as an
// error.
#pragma once

#include <chrono>
#include <string>

#include <sys/types.h>

#include "ostiary/base/result.h"
#include "ostiary/confine/confine.h"
#include "ostiary/confine/identity.h"
#include "ostiary/keeper/terminal.h"

namespace ostiary::keeper {

Result<pid_t> spawn(const confine::Identity& identity, const confine::Command& command,
                    const Terminal& terminal);

// The same confinement around a function instead of a program: for work on files that the agent owns.
// What the function returns is what this returns.
Result<> run_confined(const confine::Identity& identity, Result<> (*work)(const void* context),
                      const void* context);

// The same for work that has something to say, at most limits::reply octets of it. A child that has not ended
// by the time limit is killed, and that is an error as well.
Result<std::string> ask_confined(const confine::Identity& identity, std::chrono::milliseconds time_limit,
                                 Result<std::string> (*work)(const void* context), const void* context);

namespace limits {
inline constexpr size_t reply = 65536;
}  // namespace limits

}  // namespace ostiary::keeper
