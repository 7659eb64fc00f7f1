// relay/telemetry_relay.h: telemetry on its way: taken from the agent, given the operator's attributes,
// and sent to the collector of its signal.
// - What was answered with 200 is in the spool, which outlives the process.
// - Whatever the agent sends, a collector gets only requests of telemetry, whose resources have the
//   operator's attributes.
// - If the operator wants cumulative metrics, the agent's deltas are summed (otlp/cumulative.h). The sums begin
//   anew with the process, with a new start time.
// - A request with the name "ostiary" for a scope or a service is refused: only what the relay itself
//   makes of the audit has that name.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/link/relay_setup.h"
#include "ostiary/otlp/cumulative.h"
#include "ostiary/otlp/identity.h"
#include "relay/exporter.h"
#include "relay/intake.h"
#include "relay/own_telemetry.h"

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
  // What telemetry says of its sender.
  struct Sender {
    std::vector<otlp::Attribute> attributes;  // of the agent's resources
    std::string version;                      // of ostiary
    OwnRecords::WallClock wall_clock;
    OwnEvents own_events = OwnEvents::sent;
    telemetry::Temporality temporality{};  // that the operator wants
    otlp::Cumulative::Keys keys{};         // secret and random
  };

  TelemetryRelay(const Parts& parts, std::vector<UniqueFd> listeners, Sender sender,
                 std::vector<Destination> destinations);

  Result<> start() { return intake_.start(); }
  // Lines of the audit, from the keeper or the gate.
  void take_audit(std::string_view lines) { own_.take_lines(lines); }
  // Before the end: hands on what waits to be sent together.
  void flush() { own_.flush(); }
  // Everything that was taken is delivered or given up.
  bool is_done() const { return waiting_posts() == 0; }
  uint64_t waiting_posts() const;

 private:
  Taken take(Post post);
  Taken judge(Post& post) const;
  Taken sum_up(Post& post);
  void report_lost(const otlp::Cumulative::Lost& before);
  void add_own(Post post);
  Exporter* exporter_of(telemetry::Signal signal) const;
  OwnMetrics::Queue queue() const;

  otlp::Identity identity_;
  OwnRecords::WallClock wall_clock_;
  std::optional<otlp::Cumulative> sums_;  // nothing if deltas pass
  OwnEvents own_events_;
  std::vector<std::unique_ptr<Exporter>> exporters_;
  OwnTelemetry own_;
  Intake intake_;
};

}  // namespace ostiary::relay
