// telemetry/endpoint.h: the URL that receives telemetry.
// - An Endpoint is a checked URL: http or https, a host, a port and a path. It has no part that
//   could be a credential.
// - No error repeats a part of the text, because the text may hold a credential.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"
#include "ostiary/inet/destination.h"
#include "ostiary/inet/url.h"

namespace ostiary::telemetry {

enum class Protocol : uint8_t { http_protobuf, http_json, grpc };

// Reads "http/protobuf", "http/json" or "grpc", and no other spelling: with another spelling Claude
// Code silently exports no telemetry.
Result<Protocol> parse_protocol(std::string_view text);
std::string_view text(Protocol protocol);

enum class Compression : uint8_t { none, gzip };

// Of metrics, as the operator wants them at their collector.
enum class Temporality : uint8_t { unstated, delta, cumulative };

enum class Signal : uint8_t { traces, metrics, logs };
std::string_view text(Signal signal);

// The use of a URL. `base`: for every signal. Over HTTP, Claude Code appends /v1/<signal>.
// `signal`: for one signal. Claude Code uses it unchanged.
enum class EndpointUse : uint8_t { base, signal };

enum class PortForm : uint8_t { implied, written };

struct Endpoint {
  inet::Scheme scheme;
  inet::Destination destination;
  std::string path;  // as written; empty, or begins with a slash
  PortForm port_form = PortForm::implied;

  bool operator==(const Endpoint&) const = default;
};

// "OTEL_EXPORTER_OTLP_ENDPOINT", or with a signal "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT".
std::string otlp_variable(std::optional<Signal> signal, std::string_view what);

// The default port is 4317 for gRPC, and otherwise the scheme's port.
Result<Endpoint> parse_endpoint(std::string_view url, Protocol protocol, EndpointUse use);

// The URL. It has the port if the port was written or is not the scheme's.
std::string text(const Endpoint& endpoint);

// The URL to which Claude Code sends one signal of a base endpoint.
Endpoint signal_endpoint(const Endpoint& base, Protocol protocol, Signal signal);

}  // namespace ostiary::telemetry
