// connect/stack.h: the stack of container/stack, which `ostiary telemetry local` starts: its script, and runs of it.
#pragma once

#include <span>
#include <string>

#include "ostiary/base/result.h"

namespace ostiary::connect {

struct Stack {
  std::string script;
  char** environment;
};

// The stack in this directory; if it is empty, that which is installed with the program, or that of the tree in
// which it was built.
Result<Stack> find_stack(const std::string& directory, char** environment);

// Runs the script with our input, output and error, and returns its exit status.
Result<int> run(const Stack& stack, std::span<const std::string> arguments);

// Where the stack's collector takes OTLP over HTTP.
Result<std::string> endpoint_of(const Stack& stack);

}  // namespace ostiary::connect
