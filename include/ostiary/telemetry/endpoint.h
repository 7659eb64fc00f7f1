// telemetry/endpoint.h: where telemetry goes.
// An Endpoint is a checked URL: http or https, a host, a port and a path, nothing that could be a credential.
// No error repeats any part of the text it was read from, since that text might hold one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"
#include "ostiary/inet/destination.h"

namespace ostiary::telemetry {

enum class Protocol : uint8_t { http_protobuf, http_json, grpc };

// "http/protobuf", "http/json" or "grpc", exactly: Claude Code silently exports nothing for any other
// spelling.
Result<Protocol> parse_protocol(std::string_view text);
std::string_view text(Protocol protocol);

enum class Signal : uint8_t { traces, metrics, logs };
std::string_view text(Signal signal);

enum class Scheme : uint8_t { http, https };
std::string_view text(Scheme scheme);

// What an endpoint's URL is for: every signal, so that Claude Code appends /v1/<signal> over HTTP, or one, as
// it is.
enum class EndpointUse : uint8_t { base, signal };

enum class PortForm : uint8_t { implied, written };

struct Endpoint {
  Scheme scheme;
  inet::Destination destination;
  std::string path;  // as written: empty, or begins with a slash
  PortForm port_form = PortForm::implied;

  bool operator==(const Endpoint&) const = default;
};

// "OTEL_EXPORTER_OTLP_ENDPOINT", or with a signal "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT".
std::string otlp_variable(std::optional<Signal> signal, std::string_view what);

// A port that is not written is 4317 for gRPC, else the scheme's.
Result<Endpoint> parse_endpoint(std::string_view url, Protocol protocol, EndpointUse use);

// The URL, with its port when that was written or is not the scheme's.
std::string text(const Endpoint& endpoint);

// The URL at which one signal of a base endpoint arrives.
Endpoint signal_endpoint(const Endpoint& base, Protocol protocol, Signal signal);

}  // namespace ostiary::telemetry
