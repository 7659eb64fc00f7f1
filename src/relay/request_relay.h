// relay/request_relay.h: requests of the agent on loopback, forwarded to one server with the operator's
// credentials.
// - relay/forwarding.h says which requests and which header fields pass. Any other request is answered
//   here, and ends its connection.
// - No body is held: octets go on as they arrive. While one side does not take them, the relay does not
//   read from the other.
// - When the client leaves, the connection to the server is closed at once. When the server's answer
//   breaks off, so does the client's.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/loop.h"
#include "ostiary/event/stream_server.h"
#include "relay/exporter.h"
#include "relay/forwarding.h"
#include "relay/request_limits.h"
#include "relay/server_connections.h"

namespace ostiary::relay {

// A request that the relay answered itself, or whose answer broke off.
struct FailedRequest {
  std::string request;  // "POST /v1/messages", without the query; empty if the head was malformed
  ApiError error;
};

class RequestRelay {
 public:
  struct Parts {
    event::Loop& loop;
    const TlsTrust* trust;  // nullptr: for a server without TLS
    std::function<void(Exporter::Connected)> connect;
    std::function<void(const FailedRequest&)> report;
    size_t& exchanges;  // of all forwards, under way
    size_t connections = request_limits::connections;
  };

  // All of `parts` must outlive the RequestRelay, which must outlive each connect().
  RequestRelay(Parts parts, std::vector<UniqueFd> listeners, Forwarding forwarding);

  Result<> start() { return streams_.start(); }

 private:
  class Requests;

  bool is_busy() const;

  Parts parts_;
  size_t exchanges_ = 0;  // under way
  Forwarding forwarding_;
  ServerConnections servers_;
  event::StreamServer streams_;  // destroyed first: its streams use the rest
};

}  // namespace ostiary::relay
