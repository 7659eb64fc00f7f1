// otlp/metric.h: the metrics of a request and their points, by the numbers of opentelemetry/proto.
// - What is read borrows the request. The functions throw Malformed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "ostiary/otlp/write.h"
#include "otlp/message.h"

namespace ostiary::otlp {

namespace metric_tag {
inline constexpr Tag name = 1;
inline constexpr Tag description = 2;
inline constexpr Tag unit = 3;
inline constexpr Tag gauge = 5;
inline constexpr Tag sum = 7;
inline constexpr Tag histogram = 9;
inline constexpr Tag exponential_histogram = 10;
inline constexpr Tag summary = 11;
}  // namespace metric_tag
// Of a gauge, a sum, or a histogram of either form.
namespace data_tag {
inline constexpr Tag points = 1;
inline constexpr Tag temporality = 2;
inline constexpr Tag is_monotonic = 3;
}  // namespace data_tag
// Of a point of any kind.
namespace point_tag {
inline constexpr Tag start = 2;
inline constexpr Tag time = 3;
}  // namespace point_tag
namespace number_tag {
inline constexpr Tag real = 4;
inline constexpr Tag integer = 6;
inline constexpr Tag attributes = 7;
inline constexpr Tag flags = 8;
}  // namespace number_tag
namespace histogram_tag {
inline constexpr Tag count = 4;
inline constexpr Tag sum = 5;
inline constexpr Tag buckets = 6;
inline constexpr Tag bounds = 7;
inline constexpr Tag attributes = 9;
inline constexpr Tag flags = 10;
inline constexpr Tag min = 11;
inline constexpr Tag max = 12;
}  // namespace histogram_tag

// The form of its data.
enum class MetricKind : uint8_t { other, sum, histogram, exponential_histogram };

struct MetricView {
  std::string_view name = {};
  std::string_view description = {};
  std::string_view unit = {};
  MetricKind kind{};
  std::string_view data = {};  // with the points
  uint64_t temporality = 0;
  bool is_monotonic = false;

  bool has(Temporality which) const { return temporality == static_cast<uint64_t>(which); }
};

// Malformed, because readers disagree about them: two forms of data in one metric, and a temporality below zero
// or over 31 bits.
MetricView read_metric(std::string_view metric);

// With explicit buckets.
struct Histogram {
  uint64_t count = 0;
  std::optional<double> sum = {};
  std::vector<uint64_t> buckets = {};
  std::vector<double> bounds = {};
  std::optional<double> min = {};
  std::optional<double> max = {};
};
using Amount = std::variant<int64_t, double, Histogram>;

// The values by their keys. Of two with one key the last counts, as for readers. The data of a value is nullptr if
// there is none.
using KeyValues = std::map<std::string_view, std::string_view>;
// Those of a resource or a scope. More than limits::attributes are malformed.
KeyValues read_attributes(std::string_view message, Tag field);

struct MetricPoint {
  KeyValues attributes = {};
  uint64_t start = 0;
  // Nothing if it has none, or one that cannot be added up: not a number, or buckets that contradict its count.
  // A least or largest value of a histogram that is not finite is left out.
  std::optional<Amount> amount = {};
};

// Of a sum or a histogram. A point with more than limits::attributes is malformed.
MetricPoint read_point(std::string_view point, MetricKind kind);

void write_point(Writer& point, uint64_t start, uint64_t time, const Amount& amount,
                 const KeyValues& attributes);

}  // namespace ostiary::otlp
