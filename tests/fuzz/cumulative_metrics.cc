// Requests of metrics from a hostile sender, one after the other, against a table with few series. What is
// accepted is a request again, in which no sum has a delta, each series has one point, the times of a series
// only grow and are at most limits::ahead in the future, no series starts in the future, and a sum that only
// grows does not fall without a new start. The result is longer than the
// request only by what a point is written anew with. Renewing changes neither series nor attributes. Input: for each
// request its length in two octets, and the request.
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "fuzz.h"
#include "ostiary/otlp/cumulative.h"
#include "otlp/metric.h"
#include "otlp/request.h"

using namespace ostiary;
using namespace ostiary::otlp;

namespace {

constexpr uint64_t start = 1'000'000'000;
constexpr size_t most_series = 5;
constexpr Cumulative::Bounds bounds{.series = most_series,
                                    .octets = most_series * limits::series_octets + 100};

struct Known {
  uint64_t start = 0;
  uint64_t time = 0;
  uint64_t clock = 0;  // when it was written
  double amount = 0;
};
using KnownSeries = std::map<std::string, Known>;

double amount_of(const Amount& amount) {
  if (const auto* const integer = std::get_if<int64_t>(&amount)) return static_cast<double>(*integer);
  if (const auto* const real = std::get_if<double>(&amount)) return *real;
  return static_cast<double>(std::get<Histogram>(amount).count);
}

uint64_t time_of(std::string_view point) {
  uint64_t time = 0;
  for (Reader field = reader(point); field.next();) {
    if (field.tag() == point_tag::time)
      time = field.get_fixed64();
    else
      field.skip();
  }
  return time;
}

std::string name_of(std::string_view block, std::string_view scope, const MetricView& metric,
                    const MetricPoint& point) {
  std::string name;
  const auto add = [&](std::string_view part) {
    name += std::to_string(part.size()) + ":" + std::string(part);
  };
  const auto add_all = [&](const KeyValues& all) {
    name += std::to_string(all.size()) + ";";
    for (const auto& [key, value] : all) add(key), add(value);
  };
  add_all(read_attributes(block, resource_attributes));
  add_all(read_attributes(scope, description_attributes));
  add(last(scope, description_name));
  add(last(scope, description_version));
  add(metric.name);
  add(metric.unit);
  name += metric.kind == MetricKind::histogram ? "h" : metric.is_monotonic ? "m" : "s";
  add_all(point.attributes);
  return name;
}

// Calls with the name and the point of each sum that the table may have written.
template <typename Take>
void for_each_sum(std::string_view request, Take take) {
  for_each(request, request_resources, [&](std::string_view octets) {
    const Group block = read_group(octets);
    for (const std::string_view each : block.members) {
      const Group scope = read_group(each);
      for (const std::string_view item : scope.members) {
        const MetricView metric = read_metric(item);
        if (metric.kind != MetricKind::sum && metric.kind != MetricKind::histogram) continue;
        HOLDS(!metric.has(Temporality::delta));
        if (!metric.has(Temporality::cumulative)) continue;
        for_each(metric.data, data_tag::points, [&](std::string_view point) {
          const MetricPoint read = read_point(point, metric.kind);
          take(name_of(block.description, scope.description, metric, read), metric, read, time_of(point));
        });
      }
    }
  });
}

bool has_cumulative_metrics(std::string_view request) {
  bool has = false;
  for_each(request, request_resources, [&](std::string_view block) {
    for (const std::string_view scope : read_group(block).members)
      for (const std::string_view item : read_group(scope).members)
        has |= read_metric(item).has(Temporality::cumulative);
  });
  return has;
}

void check(std::string_view result, uint64_t clock, KnownSeries& known) {
  std::map<std::string, size_t> points;
  for_each_sum(result, [&](const std::string& name, const MetricView& metric, const MetricPoint& point,
                           uint64_t time) {
    HOLDS(++points[name] == 1);
    HOLDS(point.amount.has_value());
    HOLDS(time > point.start && point.start >= start);
    HOLDS(point.start <= clock && time <= clock + limits::ahead);
    const Known now{.start = point.start, .time = time, .clock = clock, .amount = amount_of(*point.amount)};
    if (const auto found = known.find(name); found != known.end()) {
      HOLDS(now.time > found->second.time);
      HOLDS(now.start == found->second.start ||
            now.start >= std::min(found->second.time, found->second.clock));
      const bool grows = metric.is_monotonic || metric.kind == MetricKind::histogram;
      if (grows && now.start == found->second.start) HOLDS(now.amount >= found->second.amount);
    }
    known[name] = now;
  });
  HOLDS(points.size() <= most_series);
}

std::string names(std::string_view result) {
  std::string all;
  for_each_sum(result, [&](const std::string& name, const MetricView&, const MetricPoint&, uint64_t) {
    all += name + "\n";
  });
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  Cumulative sums({.first = {1, 2}, .second = {3, 4}}, start, bounds);
  KnownSeries known;
  uint64_t clock = start;  // the latest time
  while (!input.empty()) {
    const std::string_view request = fuzz::as_text(input.take(input.number()));
    const uint64_t now = start + input.octet() * uint64_t{1'000'000};
    const auto result = sums.applied_to(request, now);
    if (result) clock = std::max(clock, now);
    HOLDS(sums.series() <= most_series);
    if (!result || has_cumulative_metrics(request)) continue;
    check(*result, clock, known);
    const std::string renewed = sums.renewed(*result, now);
    check(renewed, clock, known);
    HOLDS(names(renewed) == names(*result));
  }
  return 0;
}
