// metrics.h: requests of metrics, written field by field, and a short text of what they say.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages.h"
#include "otlp/metric.h"
#include "otlp/request.h"

namespace ostiary::otlp::testing {

using Labels = std::vector<std::pair<std::string, std::string>>;

inline std::string labels(Tag tag, const Labels& all) {
  std::string fields;
  for (const auto& [key, value] : all) fields += field(tag, field(1, key) + field(2, field(1, value)));
  return fields;
}

// A point of a sum, with any times of its sender.
inline std::string number_point(const Amount& amount, const Labels& attributes = {}) {
  std::string point;
  Writer out(point);
  out.add_fixed64(2, 7);
  out.add_fixed64(3, 8);
  if (const auto* integer = std::get_if<int64_t>(&amount))
    out.add_sfixed64(6, *integer);
  else
    out.add_double(4, std::get<double>(amount));
  return point + labels(7, attributes);
}

inline std::string histogram_point(const Histogram& histogram, const Labels& attributes = {}) {
  std::string point;
  Writer out(point);
  out.add_fixed64(4, histogram.count);
  if (histogram.sum) out.add_double(5, *histogram.sum);
  if (histogram.min) out.add_double(11, *histogram.min);
  if (histogram.max) out.add_double(12, *histogram.max);
  out.add_packed_fixed64(6, histogram.buckets.begin(), histogram.buckets.end());
  out.add_packed_double(7, histogram.bounds.begin(), histogram.bounds.end());
  return point + labels(9, attributes);
}

enum class Grows : uint8_t { no, yes };

inline std::string metric(std::string_view name, Tag kind, std::string_view points, uint64_t temporality = 1,
                          Grows grows = Grows::yes) {
  std::string data(points);
  if (temporality != 0) data += number_field(2, temporality);
  if (kind == 7 && grows == Grows::yes) data += number_field(3, 1);
  return field(2, field(1, name) + field(3, "1") + field(kind, data));
}

inline std::string counter(std::string_view name, const Amount& amount, const Labels& attributes = {}) {
  return metric(name, 7, field(1, number_point(amount, attributes)));
}

inline std::string histogram(const Histogram& histogram, const Labels& attributes = {}) {
  return metric("duration", 9, field(1, histogram_point(histogram, attributes)));
}

// A request of one resource and scope, with these metrics.
inline std::string metrics(std::string_view all, const Labels& resource = {{"host", "a"}},
                           std::string_view scope = "claude") {
  return field(1, field(1, labels(1, resource)) + field(2, field(1, field(1, scope)) + std::string(all)));
}

inline std::string text(const Amount& amount) {
  if (const auto* integer = std::get_if<int64_t>(&amount)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&amount)) return std::to_string(*real);
  const auto& held = std::get<Histogram>(amount);
  const auto number = [](const std::optional<double>& each) {
    return each ? std::to_string(static_cast<int64_t>(*each)) : "-";
  };
  std::string all = std::to_string(held.count) + "/" + number(held.sum) + "/" + number(held.min) + "/" +
                    number(held.max) + "[";
  for (const uint64_t each : held.buckets) all += std::to_string(each) + " ";
  if (!held.buckets.empty()) all.back() = ']';
  return held.buckets.empty() ? all + "]" : all;
}

struct SeenPoint {
  std::string series;  // "tokens{type=in}"
  Amount amount;
  uint64_t start = 0;
  uint64_t time = 0;
  uint64_t temporality = 0;
};

inline std::vector<SeenPoint> points_of(std::string_view request) {
  std::vector<SeenPoint> seen;
  for_each(request, 1, [&](std::string_view block) {
    for (const std::string_view scope : read_group(block).members)
      for (const std::string_view octets : read_group(scope).members) {
        const MetricView metric = read_metric(octets);
        for_each(metric.data, 1, [&](std::string_view point) {
          const MetricPoint read = read_point(point, metric.kind);
          SeenPoint each{.series = std::string(metric.name) + "{",
                         .amount = read.amount.value(),
                         .start = read.start,
                         .temporality = metric.temporality};
          for (Reader field = reader(point); field.next();) {
            if (field.tag() == 3)
              each.time = field.get_fixed64();
            else
              field.skip();
          }
          for (const auto& [key, value] : read.attributes)
            each.series += std::string(key) + "=" + std::string(last(value, 1)) + " ";
          if (each.series.ends_with(' ')) each.series.pop_back();
          each.series += "}";
          seen.push_back(std::move(each));
        });
      }
  });
  return seen;
}

}  // namespace ostiary::otlp::testing
