// relay/own_telemetry.h: telemetry that the relay makes itself: records of the audit's events, and
// metrics once a minute.
// - It has the resource attributes of the agent's telemetry, except service.name, which is "ostiary": a
//   query on the container finds both, and one on the service only one of them.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/event/loop.h"
#include "ostiary/otlp/identity.h"
#include "relay/own_metrics.h"
#include "relay/own_records.h"
#include "relay/post.h"
#include "relay/session_watch.h"

namespace ostiary::relay {

// The name of the scope and of the service. The agent's requests must not claim it.
inline constexpr std::string_view own_name = "ostiary";

// Of the agent's attributes, those of ostiary's own telemetry.
std::vector<otlp::Attribute> own_attributes(std::span<const otlp::Attribute> of_agent);

class OwnTelemetry {
 public:
  struct Parts {
    event::Loop& loop;
    OwnRecords::WallClock wall_clock;
    std::function<OwnMetrics::Queue()> queue;
    std::function<void(Post)> deliver;
    otlp::Temporality temporality = otlp::Temporality::cumulative;
  };

  // All of `parts` must outlive it.
  OwnTelemetry(Parts parts, std::span<const otlp::Attribute> attributes_of_agent, std::string version);

  // A datagram of the keeper or the gate: lines of the audit.
  void take_lines(std::string_view lines);
  // A post of the agent that was taken.
  void see(const Post& post) { sessions_.see(post, parts_.loop.now()); }
  void count(const Report& report) { metrics_.count(report); }
  void count_refusal(std::string_view outcome) { metrics_.count_refusal(outcome); }
  // Delivers what waits, and the metrics.
  void flush();

 private:
  void deliver_metrics();
  void deliver(telemetry::Signal signal, const std::string& request);

  Parts parts_;
  otlp::Identity identity_;
  otlp::Scope scope_;
  uint64_t start_;  // of the sums
  SessionWatch sessions_;
  OwnRecords records_;
  OwnMetrics metrics_;
  event::Timer metrics_are_due_;
};

}  // namespace ostiary::relay
