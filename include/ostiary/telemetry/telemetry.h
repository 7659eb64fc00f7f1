// telemetry/telemetry.h: from what is configured to what the agent is told.
// One source or none. When it is on, the variables are everything Claude Code needs to export traces, metrics
// and logs; when it was left off or is incomplete, there is not one of them, and none that could switch it
// on.
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

// Where one signal goes.
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
  std::string reason;                 // where it was switched off: by what
  std::vector<std::string> missing;   // where it is incomplete: what would complete it
  std::vector<Route> routes;          // where it is on: one a signal that is exported
  std::vector<Variable> variables;    // what the agent gets
  std::vector<std::string> withheld;  // what the agent must not get, though the container has it
  std::vector<std::string> detours;   // where it is on: variables that no settings may turn it away with
  std::vector<std::string> warnings;
  std::vector<std::string> platforms;
  std::vector<Attribute> attributes;  // merged: platforms < policy file < module < OTEL_RESOURCE_ATTRIBUTES
};

// Two sources without a choice between them, and every malformed part of the one that holds, are errors. So
// is a resource attribute that Claude Code would drop, telemetry or not.
Result<Telemetry> plan_telemetry(const config::Config& config, PlatformAttributes platform);

// Whether a variable of the container takes part in deciding whether and where telemetry goes.
bool routes_telemetry(std::string_view name);

}  // namespace ostiary::telemetry
