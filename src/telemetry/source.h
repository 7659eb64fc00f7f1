// telemetry/source.h: the source that telemetry is configured from: which one it is, what it lacks, what it
// says.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"
#include "ostiary/config/config.h"
#include "ostiary/telemetry/endpoint.h"

namespace ostiary::telemetry {

// What a source says of all signals, or of one.
struct Target {
  std::optional<Endpoint> endpoint;
  std::optional<Protocol> protocol;  // of all signals: always there
  std::optional<Secret> headers;     // as Claude Code reads them
};

struct SourceSettings {
  Target base;
  std::array<Target, 3> by_signal;  // in the order of Signal
  std::string origin;               // for people
};

// The source that holds: the chosen one, or the one that is there. Two that are there are an error.
Result<std::optional<config::TelemetrySource>> find_source(const config::Config& config);

// What the source needs and does not have; empty when it is complete.
std::vector<std::string> missing_from(config::TelemetrySource source, const config::Config& config);

// Requires that nothing is missing.
Result<SourceSettings> read_source(config::TelemetrySource source, const config::Config& config);

inline constexpr std::array all_signals{Signal::traces, Signal::metrics, Signal::logs};

}  // namespace ostiary::telemetry
