// telemetry/source.h: finds the configured source of telemetry and reads its settings.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"
#include "ostiary/config/config.h"
#include "ostiary/telemetry/endpoint.h"

namespace ostiary::telemetry {

// The settings of a source for all signals, or for one.
struct Target {
  std::optional<Endpoint> endpoint;
  std::optional<Protocol> protocol;  // always set in SourceSettings::base
  std::optional<Secret> headers;     // in the form that Claude Code reads
};

struct SourceSettings {
  Target base;
  std::array<Target, 3> by_signal;  // in the order of Signal
  std::string origin;               // for people
};

// Returns the source that the user chose, or else the only one that is configured. Fails if two are
// configured.
Result<std::optional<config::TelemetrySource>> find_source(const config::Config& config);

// The missing settings of the source. Empty if it is complete.
std::vector<std::string> missing_from(config::TelemetrySource source, const config::Config& config);

// Requires that missing_from() is empty.
Result<SourceSettings> read_source(config::TelemetrySource source, const config::Config& config);

inline constexpr std::array all_signals{Signal::traces, Signal::metrics, Signal::logs};

// Whether the variable of OTLP is about one of these, such as "HEADERS", for every signal or for one.
bool is_otlp_variable(std::string_view name, std::span<const std::string_view> about);

}  // namespace ostiary::telemetry
