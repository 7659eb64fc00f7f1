// otlp/reply.h: what a collector's answer says about a request (OTLP specification, "OTLP/HTTP Response").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ostiary::otlp {

enum class Outcome : uint8_t {
  delivered,
  delayed,  // the same request may succeed later
  refused,  // the same request will not succeed
};
Outcome outcome_of(uint16_t http_status);

// The part of a delivered request that the collector did not take.
struct Rejected {
  uint64_t count = 0;        // of spans, data points or log records
  std::string message = {};  // may be a warning, with a count of 0

  bool operator==(const Rejected&) const = default;
};

// `body` is an ExportTraceServiceResponse, or that of metrics or logs. Nothing if the collector took
// everything, or if the body is malformed.
std::optional<Rejected> rejected_part(std::string_view body);

// The message of a refused request over HTTP: `body` is a google.rpc.Status. Empty if it is malformed.
std::string status_message(std::string_view body);

}  // namespace ostiary::otlp
