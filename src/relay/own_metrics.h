// relay/own_metrics.h: what ostiary does, as metrics: counted from lines of the audit and from the
// exporter's reports.
// - Sums are cumulative since this process began, unless the operator wants deltas. A relay that was started
//   again begins at 0, with a new start time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "ostiary/otlp/write.h"
#include "relay/audit_line.h"
#include "relay/exporter.h"

namespace ostiary::relay {

class OwnMetrics {
 public:
  struct Queue {
    uint64_t octets = 0;
    uint64_t posts = 0;
    std::optional<uint64_t> series = {};  // of the agent, if its deltas are summed
  };

  void count(const AuditLine& line);
  void count(const Report& report);
  // A post that was refused to the agent: "malformed", "too_deep", "reserved" and so on.
  void count_refusal(std::string_view outcome);

  // An ExportMetricsServiceRequest without attributes of its resource. Times are in nanoseconds since 1970.
  std::string request(const otlp::Scope& scope, const Queue& queue, const otlp::Interval& interval) const;
  // The sums begin at 0 again: the next request has deltas.
  void begin_anew() { *this = OwnMetrics(); }

 private:
  using Counts = std::map<std::string, uint64_t, std::less<>>;
  static void add(Counts& counts, std::string_view what, uint64_t number = 1);

  Counts denials_;     // by kind
  Counts admissions_;  // by nothing
  Counts restarts_;    // by helper
  Counts posts_;       // by outcome
  Counts left_out_;    // by nothing, as the next
  Counts forgotten_;
};

namespace limits {
// Of the values of an attribute. Others are counted as "other".
inline constexpr size_t attribute_values = 16;
}  // namespace limits

}  // namespace ostiary::relay
