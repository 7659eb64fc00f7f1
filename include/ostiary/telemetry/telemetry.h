// telemetry/telemetry.h: turns the configuration into the agent's telemetry variables.
// - There is at most one source of telemetry.
// - If telemetry is on, the variables are all that Claude Code needs to export traces, metrics and
//   logs.
// - If it is switched off or incomplete, there are no variables, and every inherited variable that
//   could switch it on is withheld.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"
#include "ostiary/config/config.h"
#include "ostiary/telemetry/attributes.h"
#include "ostiary/telemetry/endpoint.h"

namespace ostiary::telemetry {

enum class State : uint8_t { not_configured, switched_off, incomplete, on };
std::string_view text(State state);

// The destination of one signal.
struct Route {
  Signal signal;
  Protocol protocol;
  Endpoint endpoint;
};

enum class Secrecy : uint8_t { open, secret };

struct Variable {
  std::string name;
  Secret value;
  Secrecy secrecy;
  std::string source;  // for people
};

struct Telemetry {
  State state = State::not_configured;
  config::TelemetrySource source = config::TelemetrySource::off;
  std::string reason;                 // if switched off: the setting that does so
  std::vector<std::string> missing;   // if incomplete: the missing settings
  std::vector<Route> routes;          // if on: one for each exported signal
  std::vector<Variable> variables;    // variables that the agent gets
  std::vector<std::string> withheld;  // variables of the container that the agent must not get
  std::vector<std::string> detours;   // if on: variables that could redirect telemetry
  std::vector<std::string> warnings;
  std::vector<std::string> platforms;
  // Merged, weakest first: platforms, policy file, module, OTEL_RESOURCE_ATTRIBUTES.
  std::vector<Attribute> attributes;
};

// Fails if there are two sources and no choice between them, or if a part of the chosen source is
// malformed. Also fails, even with telemetry off, for a resource attribute that Claude Code would
// drop.
Result<Telemetry> plan_telemetry(const config::Config& config, PlatformAttributes platform);

// Whether the variable affects whether telemetry is exported, or its destination.
bool routes_telemetry(std::string_view name);

}  // namespace ostiary::telemetry
