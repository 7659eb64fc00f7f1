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
#include "relay/own_telemetry.h"

namespace ostiary::relay {

class TelemetryRelay {
 public:
  // What telemetry says of its sender.
  struct Sender {
    std::vector<otlp::Attribute> attributes;  // of the agent's resources
    std::string version;                      // of ostiary
    OwnRecords::WallClock wall_clock;
  };

  TelemetryRelay(Exporter::Parts parts, std::vector<UniqueFd> listeners, Sender sender, Collector collector,
                 Spool spool);

  Result<> start() { return intake_.start(); }
  // Lines of the audit, from the keeper or the gate.
  void take_audit(std::string_view lines) { own_.take_lines(lines); }
  // Before the end: hands on what waits to be sent together.
  void flush() { own_.flush(); }
  // Everything that was taken is delivered or given up.
  bool is_done() const { return exporter_.is_done(); }

 private:
  Exporter::Parts counting(Exporter::Parts parts);
  Taken take(Post post);
  Taken judge(Post& post) const;
  void add_own(const Post& post);

  otlp::Identity identity_;
  Exporter exporter_;
  OwnTelemetry own_;
  Intake intake_;
};

}  // namespace ostiary::relay
