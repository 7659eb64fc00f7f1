// relay/telemetry_relay.h: telemetry on its way: taken from the agent, given the operator's attributes,
// and sent to the collector.
// - What was answered with 200 is in the spool, which outlives the process.
// - Whatever the agent sends, the collector gets only requests of telemetry, whose resources have the
//   operator's attributes.
// - A request with the name "ostiary" for a scope or a service is refused: only what the relay itself
//   makes of the audit has that name.
#pragma once

#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/otlp/identity.h"
#include "relay/exporter.h"
#include "relay/intake.h"

namespace ostiary::relay {

class TelemetryRelay {
 public:
  TelemetryRelay(Exporter::Parts parts, std::vector<UniqueFd> listeners, otlp::Identity identity,
                 Collector collector, Spool spool);

  Result<> start() { return intake_.start(); }
  // Everything that was taken is delivered or given up.
  bool is_done() const { return exporter_.is_done(); }

 private:
  Taken take(Post post);

  otlp::Identity identity_;
  Exporter exporter_;
  Intake intake_;
};

}  // namespace ostiary::relay
