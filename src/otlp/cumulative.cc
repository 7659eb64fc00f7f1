#include "ostiary/otlp/cumulative.h"

#include <algorithm>
#include <vector>

#include "otlp/metric.h"
#include "otlp/request.h"
#include "otlp/series_table.h"

namespace ostiary::otlp {
namespace {

constexpr uint64_t millisecond = 1'000'000;

// What a digest is made of. A text stands behind its length, so that no two lists read the same.
class Identifier {
 public:
  Identifier& number(uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) octets_.push_back(static_cast<uint8_t>(value >> shift));
    return *this;
  }
  Identifier& text(std::string_view value) {
    number(value.size());
    octets_.insert(octets_.end(), value.begin(), value.end());
    return *this;
  }
  Identifier& digest(const Digest& value) { return number(value.first).number(value.second); }
  Identifier& attributes(const KeyValues& values) {
    number(values.size());
    for (const auto& [key, value] : values) text(key).text(value);
    return *this;
  }
  Digest hashed(const Cumulative::Keys& keys) const {
    return {.first = hash(keys.first, octets_), .second = hash(keys.second, octets_)};
  }

 private:
  std::vector<uint8_t> octets_;
};

// A metric of a request, and what it belongs to.
struct Item {
  std::string_view octets;
  MetricView metric;
  Digest digest;
};

std::string written(const Group& group, std::string_view description, const std::string& members) {
  std::string message;
  Writer out(message);
  if (!description.empty()) add(out, block_resource, description);
  message += members;
  if (!group.schema_url.empty()) add(out, block_schema_url, group.schema_url);
  return message;
}

class Traversal {
 public:
  explicit Traversal(const Cumulative::Keys& keys) : keys_(keys) {}

  // Calls `write(item)` with each metric. It returns what is to stand in its place, or an empty text.
  template <typename Write>
  std::string metrics(std::string_view request, Write write) const {
    return members(request_resources, blocks_of(request), [&](std::string_view octets) {
      const Group block = read_group(octets);
      const Digest resource =
          Identifier().attributes(read_attributes(block.description, resource_attributes)).hashed(keys_);
      return with_members(block, members(block_scopes, block.members, [&](std::string_view scope) {
                            return scope_of(resource, read_group(scope), write);
                          }));
    });
  }

  Digest of(const Digest& metric, const KeyValues& attributes) const {
    return Identifier().digest(metric).attributes(attributes).hashed(keys_);
  }

 private:
  static std::vector<std::string_view> blocks_of(std::string_view request) {
    std::vector<std::string_view> blocks;
    for_each(request, request_resources, [&](std::string_view each) { blocks.push_back(each); });
    return blocks;
  }

  template <typename Write>
  static std::string members(Tag tag, const std::vector<std::string_view>& all, Write write) {
    std::string fields;
    Writer out(fields);
    for (const std::string_view each : all)
      if (const std::string member = write(each); !member.empty()) add(out, tag, member);
    return fields;
  }

  static std::string with_members(const Group& group, const std::string& members) {
    return members.empty() ? std::string() : written(group, group.description, members);
  }

  template <typename Write>
  std::string scope_of(const Digest& resource, const Group& scope, Write write) const {
    const Digest digest = Identifier()
                              .digest(resource)
                              .text(last(scope.description, description_name))
                              .text(last(scope.description, description_version))
                              .attributes(read_attributes(scope.description, description_attributes))
                              .hashed(keys_);
    return with_members(scope, members(scope_items, scope.members, [&](std::string_view octets) {
                          return write(item_of(digest, octets));
                        }));
  }

  Item item_of(const Digest& scope, std::string_view octets) const {
    const MetricView metric = read_metric(octets);
    const Digest digest = Identifier()
                              .digest(scope)
                              .text(metric.name)
                              .text(metric.unit)
                              .number(static_cast<uint64_t>(metric.kind))
                              .number(metric.is_monotonic ? 1 : 0)
                              .hashed(keys_);
    return {.octets = octets, .metric = metric, .digest = digest};
  }

  const Cumulative::Keys& keys_;
};

bool can_be_summed(const MetricView& metric) {
  return metric.kind == MetricKind::sum || metric.kind == MetricKind::histogram;
}

template <typename Take>
void for_each_point(const MetricView& metric, Take take) {
  for_each(metric.data, data_tag::points,
           [&](std::string_view point) { take(point, read_point(point, metric.kind)); });
}

std::string written(const MetricView& metric, const std::string& points) {
  if (points.empty()) return {};
  std::string message;
  Writer out(message);
  add(out, metric_tag::name, metric.name);
  if (!metric.description.empty()) add(out, metric_tag::description, metric.description);
  if (!metric.unit.empty()) add(out, metric_tag::unit, metric.unit);
  std::string data = points;
  Writer fields(data);
  fields.add_enum(data_tag::temporality, static_cast<int32_t>(Temporality::cumulative));
  if (metric.is_monotonic) fields.add_bool(data_tag::is_monotonic, true);
  add(out, metric.kind == MetricKind::sum ? metric_tag::sum : metric_tag::histogram, data);
  return message;
}

void write(Writer& points, Series& series, const KeyValues& attributes, uint64_t request, uint64_t now) {
  series.written = request;
  series.time = std::max(now, series.time + millisecond);
  Writer point(points, data_tag::points);
  write_point(point, series.start, series.time, series.sum, attributes);
}

}  // namespace

Cumulative::Cumulative(const Keys& keys, uint64_t start, const Bounds& bounds)
    : keys_(keys), table_(std::make_unique<SeriesTable>(start, bounds)) {}
Cumulative::Cumulative(Cumulative&&) noexcept = default;
Cumulative& Cumulative::operator=(Cumulative&&) noexcept = default;
Cumulative::~Cumulative() = default;

size_t Cumulative::series() const {
  return table_->size();
}

Cumulative::Lost Cumulative::lost() const {
  return table_->lost();
}

std::optional<std::string> Cumulative::applied_to(std::string_view request, uint64_t now) {
  const Traversal traversal(keys_);
  const auto is_delta = [](const Item& item) { return item.metric.has(Temporality::delta); };
  // Everything is read before anything is added up.
  const auto check = [&](const Item& item) {
    if (is_delta(item) && can_be_summed(item.metric))
      for_each_point(item.metric, [](std::string_view, const MetricPoint&) {});
    return std::string();
  };
  const auto add_up = [&](const Item& item) {
    if (!is_delta(item)) return std::string();
    const Direction direction = item.metric.is_monotonic ? Direction::up : Direction::up_and_down;
    if (can_be_summed(item.metric))
      for_each_point(item.metric, [&](std::string_view, const MetricPoint& point) {
        table_->add(traversal.of(item.digest, point.attributes), point.amount, direction);
      });
    else
      for_each(item.metric.data, data_tag::points, [&](std::string_view) { table_->leave_out(); });
    return std::string();
  };
  const auto write_sums = [&](const Item& item) {
    if (!is_delta(item)) return std::string(item.octets);
    std::string points;
    if (!can_be_summed(item.metric)) return points;
    Writer out(points);
    for_each_point(item.metric, [&](std::string_view, const MetricPoint& point) {
      Series* const series = table_->find(traversal.of(item.digest, point.attributes));
      if (series != nullptr && series->added == table_->request() && series->written != table_->request())
        write(out, *series, point.attributes, table_->request(), now);
    });
    return written(item.metric, points);
  };
  try {
    (void)traversal.metrics(request, check);
    table_->begin_request();
    (void)traversal.metrics(request, add_up);
    return traversal.metrics(request, write_sums);
  } catch (const Malformed&) {
    return std::nullopt;
  }
}

std::string Cumulative::renewed(std::string_view result, uint64_t now) {
  const Traversal traversal(keys_);
  table_->begin_request();
  const auto write_sums = [&](const Item& item) {
    if (!item.metric.has(Temporality::cumulative) || !can_be_summed(item.metric))
      return std::string(item.octets);
    std::string points;
    Writer out(points);
    for_each_point(item.metric, [&](std::string_view octets, const MetricPoint& point) {
      Series* const series = table_->find(traversal.of(item.digest, point.attributes));
      if (series == nullptr || series->start != point.start)
        add(out, data_tag::points, octets);
      else if (series->written != table_->request())
        write(out, *series, point.attributes, table_->request(), now);
    });
    return written(item.metric, points);
  };
  try {
    return traversal.metrics(result, write_sums);
  } catch (const Malformed&) {
    return std::string(result);
  }
}

}  // namespace ostiary::otlp
