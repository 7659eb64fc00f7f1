// telemetry/telemetry.h: turns the configuration into the agent's telemetry variables.
// - There is at most one source of telemetry.
// - Telemetry is in one of four states. Each has what exists in that state alone.
// - If telemetry is on, the variables are all that Claude Code needs to export traces, metrics and
//   logs.
// - If it is switched off or incomplete, there are no variables, and every inherited variable that
//   could switch it on is withheld.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"
#include "ostiary/config/config.h"
#include "ostiary/telemetry/attributes.h"
#include "ostiary/telemetry/endpoint.h"
#include "ostiary/telemetry/tls_files.h"

namespace ostiary::telemetry {

// The destination of one signal.
struct Route {
  Signal signal;
  Protocol protocol;
  Endpoint endpoint;
  Secret headers = {};  // whole header lines, each with its CRLF; empty: none
};

// How telemetry gets there.
// - `direct`: the agent sends it, and has the headers.
// - `relay`: the agent sends it to the relay, which adds the headers (docs/relay.md).
enum class Road : uint8_t { direct, relay };
// On 127.0.0.1. Below the kernel's ephemeral ports.
inline constexpr uint16_t relay_port = 15354;

enum class Secrecy : uint8_t { open, secret };

struct Variable {
  std::string name;
  Secret value;
  Secrecy secrecy;
  std::string source;  // for people
};

struct NotConfigured {
  static constexpr config::TelemetrySource source = config::TelemetrySource::off;
};
struct SwitchedOff {
  config::TelemetrySource source;
  std::string reason;  // the setting that does so
};
struct Incomplete {
  config::TelemetrySource source;
  std::vector<std::string> missing;  // settings
};
struct On {
  config::TelemetrySource source;
  std::vector<Route> routes = {};         // one for each exported signal
  std::vector<Variable> variables = {};   // variables that the agent gets
  std::vector<std::string> detours = {};  // variables that could redirect telemetry
  Road road = Road::direct;
  // For the relay.
  TlsFiles tls_files = {};
  Compression compression = Compression::none;
  Temporality temporality = Temporality::unstated;  // if cumulative, it sums the agent's deltas
};

using State = std::variant<NotConfigured, SwitchedOff, Incomplete, On>;
std::string_view text(const State& state);

// Where the agent sends a signal: to the collector, or to the relay.
struct AgentsTarget {
  Protocol protocol;
  Endpoint endpoint;
};
AgentsTarget agents_target(const On& on, const Route& route);

struct Telemetry {
  State state = NotConfigured{};
  std::vector<std::string> withheld = {};  // variables of the container that the agent must not get
  std::vector<std::string> warnings = {};
  std::vector<std::string> platforms = {};
  // Merged, weakest first: platforms, policy file, module, OTEL_RESOURCE_ATTRIBUTES.
  std::vector<Attribute> attributes = {};

  config::TelemetrySource source() const;
  // nullptr unless telemetry is on.
  const On* on() const { return std::get_if<On>(&state); }
  // Of On. Empty in every other state.
  std::span<const Route> routes() const;
  std::span<const Variable> variables() const;
};

// Fails if there are two sources and no choice between them, or if a part of the chosen source is
// malformed. Also fails, even with telemetry off, for a resource attribute that Claude Code would
// drop.
Result<Telemetry> plan_telemetry(const config::Config& config, PlatformAttributes platform);

// Whether the variable affects whether telemetry is exported, or its destination.
bool routes_telemetry(std::string_view name);

}  // namespace ostiary::telemetry
