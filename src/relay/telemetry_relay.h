// relay/telemetry_relay.h: telemetry on its way: taken from the agent, given the operator's attributes,
// and sent to the collector of its signal.
// - What was answered with 200 is in the spool, which outlives the process.
// - Whatever the agent sends, a collector gets only requests of telemetry, whose resources have the
//   operator's attributes.
// - A request with the name "ostiary" for a scope or a service is refused: only what the relay itself
//   makes of the audit has that name.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/otlp/identity.h"
#include "relay/exporter.h"
#include "relay/intake.h"

namespace ostiary::relay {

// A collector, what waits for it, how to connect to it, and who is told what becomes of its telemetry.
struct Destination {
  Collector collector;
  Spool spool;
  std::function<void(Exporter::Connected)> connect;
  std::function<void(const Report&)> report;
};

class TelemetryRelay {
 public:
  // All must outlive the TelemetryRelay.
  struct Parts {
    event::Loop& loop;
    const TlsTrust* trust;  // nullptr: no collector has TLS
    std::function<double()> random;
  };
  TelemetryRelay(const Parts& parts, std::vector<UniqueFd> listeners, otlp::Identity identity,
                 std::vector<Destination> destinations);

  Result<> start() { return intake_.start(); }
  // Everything that was taken is delivered or given up.
  bool is_done() const { return waiting_posts() == 0; }
  uint64_t waiting_posts() const;

 private:
  Taken take(Post post);
  Exporter* exporter_of(telemetry::Signal signal) const;

  otlp::Identity identity_;
  std::vector<std::unique_ptr<Exporter>> exporters_;
  Intake intake_;
};

}  // namespace ostiary::relay
