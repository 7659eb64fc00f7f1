// connect/stack.h: the stack of container/stack, which `ostiary telemetry local` starts: its script, and runs of it.
#pragma once

#include <span>
#include <string>

#include "ostiary/base/result.h"

namespace ostiary::connect {

// Where the stack's collector takes OTLP over HTTP.
inline constexpr const char* stack_endpoint = "http://127.0.0.1:4318";

// The script in this directory; if it is empty, of the stack that is installed with the program, or of the tree that
// it was built in.
Result<std::string> find_stack(const std::string& directory);

// Runs the script with our input, output and error, and returns its exit status.
Result<int> run_stack(const std::string& script, std::span<const std::string> arguments, char** environment);

}  // namespace ostiary::connect
