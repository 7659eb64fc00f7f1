// link/probe.h: how `ostiary telemetry check` starts the relay's program, which can speak to a collector.
// - The program gets a setup whose collectors have one signal each, and their credentials. It prints what it
//   finds, and ends with the status of the command.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/link/relay_setup.h"

namespace ostiary::relay {

// The program's only argument.
inline constexpr const char* probe_argument = "check-telemetry";

// The program's descriptors.
inline constexpr int probe_setup_fd = 3;
inline constexpr int probe_credentials_fd = 4;

// Runs the program, and returns its exit status: 0 if the collectors took every batch.
Result<int> run_probe(const Setup& setup, const Credentials& credentials);

}  // namespace ostiary::relay
