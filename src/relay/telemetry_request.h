// relay/telemetry_request.h: which requests of the agent are telemetry, and the refusal of all others.
// - POST to exactly /v1/traces, /v1/metrics or /v1/logs, with protobuf. ostiary configures the agent
//   to send nothing else.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "ostiary/http/request_reader.h"
#include "ostiary/telemetry/endpoint.h"

namespace ostiary::relay {

struct Refusal {
  uint16_t status = 0;
  std::string_view reason;  // one line for a person
};

std::expected<telemetry::Signal, Refusal> read_telemetry_request(const http::RequestHead& head);

}  // namespace ostiary::relay
