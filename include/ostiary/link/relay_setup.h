// link/relay_setup.h: the relay's configuration, which the keeper passes to it as a memory file, and its
// credentials, which it passes through a pipe.
// - The relay reads both once, before it reads an octet of the agent.
// - The setup holds no secret.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/inet/destination.h"
#include "ostiary/inet/url.h"
#include "ostiary/telemetry/endpoint.h"
#include "ostiary/telemetry/tls_files.h"

namespace ostiary::relay {

// A server of the operator's, to which the gate connects.
struct ServerAddress {
  inet::Scheme scheme{};
  inet::Destination destination;
};

// Where telemetry goes.
struct CollectorSetup {
  ServerAddress server;
  std::string authority;  // for the Host field: the name, and the port if it is not the scheme's
  telemetry::Protocol protocol{};
  telemetry::Compression compression{};
  std::map<telemetry::Signal, std::string> paths = {};  // of the signals that go there
};

// Requests that may pass.
struct AllowedRequests {
  enum class Match : uint8_t { exact, with_paths_below };

  std::vector<std::string> methods;
  std::string path;  // of the form of http/path.h
  Match match = Match::exact;
};

// How the relay itself answers a request that it does not forward: with text, or as Anthropic's API would.
enum class ErrorForm : uint8_t { text, anthropic };

// What becomes of the connection to the server after a request with a body. A server that answers without
// reading the body would take it for the next request, which the agent would have written.
// - `kept_on_success`: for a server that reads the body before it answers with success.
enum class AfterBody : uint8_t { closed, kept_on_success };

// Where requests of the agent go, with the operator's credential.
struct ForwardSetup {
  std::string name;   // for messages
  uint16_t port = 0;  // of 127.0.0.1, where the agent asks
  ServerAddress server;
  std::string authority;                   // as a collector's
  std::string base_path = {};              // in front of the agent's path: "" or "/x"
  std::vector<std::string> replaced = {};  // names of header fields that the agent cannot set
  std::vector<std::string> passing = {};   // names that pass beside those of http/forwardable.h
  std::vector<AllowedRequests> allowed = {};
  telemetry::TlsFiles tls_files = {};
  ErrorForm errors = ErrorForm::text;
  AfterBody after_body = AfterBody::closed;
};

struct NamedValue {
  std::string name;
  std::string value;
};

// Whether the collectors get the audit's events and metrics of ostiary itself.
enum class OwnEvents : uint8_t { left_out, sent };

struct Setup {
  std::vector<CollectorSetup> collectors = {};
  std::vector<NamedValue> attributes = {};  // in every resource of the agent's telemetry
  telemetry::TlsFiles tls_files = {};       // of the collectors
  std::vector<ForwardSetup> forwards = {};
  uint64_t spool_octets = 0;
  OwnEvents own_events = OwnEvents::left_out;
  telemetry::Temporality temporality{};  // of the metrics
};

namespace limits {
// Relays of one policy. Each has a listener.
inline constexpr size_t operators_forwards = 8;
// Ten minutes of a busy session are 20 MB.
inline constexpr size_t spool_octets = size_t{64} << 20U;
}  // namespace limits

std::string render_setup(const Setup& setup);
Result<Setup> parse_setup(std::string_view octets);

// Of each collector and then of each forward, in the setup's order: whole header lines, each with its CRLF.
using Credentials = std::vector<Secret>;

// A pipe that holds the credentials, to be read once. An error if they do not fit.
Result<UniqueFd> credentials_pipe(const Credentials& credentials);
Result<Credentials> read_credentials(UniqueFd pipe);

}  // namespace ostiary::relay
