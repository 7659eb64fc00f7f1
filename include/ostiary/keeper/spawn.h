// keeper/spawn.h: starts confined processes.
// - A failure of the child before or during its exec is returned as an error.
// - Each child ends with the keeper.
#pragma once

#include <chrono>
#include <string>

#include <sys/types.h>

#include "ostiary/base/result.h"
#include "ostiary/confine/confine.h"
#include "ostiary/confine/identity.h"
#include "ostiary/event/signals.h"
#include "ostiary/keeper/terminal.h"

namespace ostiary::keeper {

// Starts a program in a process group of its own. The program runs when this returns. A child that
// has not executed it within limits::to_start is killed, which is an error.
Result<pid_t> spawn(const confine::Identity& identity, const confine::Command& command,
                    const Terminal& terminal);

enum class Completion : uint8_t { interrupted, done };

// Runs a function in a confined child, for work on the agent's files. Returns the error of the
// function. A child that has not ended within the time limit is killed, which is an error. A signal
// among `requests` interrupts the wait: the child is killed, and the signal stays pending.
Result<Completion> run_confined(const confine::Identity& identity, std::chrono::milliseconds time_limit,
                                const event::Signals& requests, Result<> (*work)(const void* context),
                                const void* context);

// As run_confined() without requests, for a function that returns text of at most limits::reply
// octets.
Result<std::string> ask_confined(const confine::Identity& identity, std::chrono::milliseconds time_limit,
                                 Result<std::string> (*work)(const void* context), const void* context);

namespace limits {
inline constexpr size_t reply = 65536;
inline constexpr std::chrono::seconds to_start{10};
}  // namespace limits

}  // namespace ostiary::keeper
