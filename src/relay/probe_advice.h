// relay/probe_advice.h: what an attempt to send telemetry means, and what to do.
// - No text holds a secret.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "ostiary/telemetry/endpoint.h"
#include "relay/collector.h"
#include "relay/conversation.h"

namespace ostiary::relay {

// Why there was no answer.
struct Fault {
  enum class Kind : uint8_t {
    name,         // it does not resolve
    refused,      // no program listens
    unreachable,  // another error of the network
    authorities,  // those that are to be trusted cannot be read
    certificate,  // the server's is not trusted
    tls,          // the handshake, or what follows it
    exchange,     // what the server sends is no answer
  };
  Kind kind{};
  std::string why;  // one line
};

using Attempt = std::expected<Answer, Fault>;

// From the error of a Conversation.
Fault fault_of_exchange(const std::string& message);

// Whether the server may speak another protocol than it is asked in.
bool is_of_another_protocol(const Attempt& attempt);
// Whether the server speaks the protocol of this attempt. It may refuse the batch: it has no credential.
bool speaks(const Attempt& attempt);

// What a server speaks.
struct Spoken {
  telemetry::Protocol protocol{};
  bool is_tls = false;
};

struct Finding {
  bool is_taken = false;
  std::string text;  // one line: where, what happened, what to do
};
// `collector` has one signal.
Finding explain(const Collector& collector, const Attempt& attempt, const std::optional<Spoken>& spoken);

}  // namespace ostiary::relay
