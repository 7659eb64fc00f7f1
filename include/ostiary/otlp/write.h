// otlp/write.h: requests of our own: spans, log records, and metrics.
// - A request has one resource, without attributes: otlp::Identity adds them. It has one scope.
// - The caller passes texts in UTF-8. A time is in nanoseconds since 1970.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ostiary::otlp {

struct Scope {
  std::string name;
  std::string version;
};

using Value = std::variant<std::string, int64_t, bool, std::vector<std::string>>;
struct Field {
  std::string key;
  Value value;

  bool operator==(const Field&) const = default;
};

enum class Severity : uint8_t { info = 9, warn = 13, error = 17 };

struct LogRecord {
  uint64_t time = 0;
  uint64_t observed_time = 0;
  Severity severity = Severity::info;
  std::string event_name = {};
  std::string body = {};
  std::vector<Field> attributes = {};
  std::string trace = {};  // 16 octets, or empty
  std::string span = {};   // 8 octets, or empty
};

// An ExportLogsServiceRequest.
std::string logs_request(const Scope& scope, std::span<const LogRecord> records);

struct Span {
  std::string name = {};
  std::string trace;  // 16 octets
  std::string span;   // 8 octets
  uint64_t start = 0;
  uint64_t end = 0;
  std::vector<Field> attributes = {};
};

// An ExportTraceServiceRequest. The spans are their traces' roots.
std::string traces_request(const Scope& scope, std::span<const Span> spans);

// Of a sum: what came since the last request, or since the start. The numbers are those of the protocol.
enum class Temporality : uint8_t { delta = 1, cumulative = 2 };

struct Point {
  std::vector<Field> attributes = {};
  uint64_t value = 0;
};
struct Metric {
  // A sum only grows. A gauge is the value at present.
  enum class Kind : uint8_t { sum, gauge };
  std::string_view name;
  std::string_view description;
  std::string_view unit;
  Kind kind{};
  std::vector<Point> points;
};

struct Interval {
  uint64_t start = 0;  // of the sums
  uint64_t end = 0;
  Temporality temporality = Temporality::cumulative;
};

// An ExportMetricsServiceRequest. Metrics without a point are left out.
std::string metrics_request(const Scope& scope, std::span<const Metric> metrics, const Interval& interval);

}  // namespace ostiary::otlp
