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

// A group of a request, and the digest that its series have in common, once one of them was identified.
struct Resource {
  const Group& group;
  std::optional<Digest> digest = {};
};
struct Scope {
  Resource& resource;
  const Group& group;
  std::optional<Digest> digest = {};
};
// A metric of a request.
struct Item {
  std::string_view octets;
  MetricView metric;
  Scope& scope;
};

class Digests {
 public:
  explicit Digests(const Cumulative::Keys& keys) : keys_(keys) {}

  Digest of(const Item& item) const {
    const MetricView& metric = item.metric;
    return Identifier()
        .digest(of(item.scope))
        .text(metric.name)
        .text(metric.unit)
        .number(static_cast<uint64_t>(metric.kind))
        .number(metric.is_monotonic ? 1 : 0)
        .hashed(keys_);
  }
  Digest of(const Digest& metric, const KeyValues& attributes) const {
    return Identifier().digest(metric).attributes(attributes).hashed(keys_);
  }

 private:
  Digest of(Scope& scope) const {
    const std::string& description = scope.group.description;
    if (!scope.digest)
      scope.digest = Identifier()
                         .digest(of(scope.resource))
                         .text(last(description, description_name))
                         .text(last(description, description_version))
                         .attributes(read_attributes(description, description_attributes))
                         .hashed(keys_);
    return *scope.digest;
  }
  Digest of(Resource& resource) const {
    if (!resource.digest)
      resource.digest = Identifier()
                            .attributes(read_attributes(resource.group.description, resource_attributes))
                            .hashed(keys_);
    return *resource.digest;
  }

  const Cumulative::Keys& keys_;
};

// Empty if the group has no members.
std::string written(const Group& group, const std::string& members) {
  std::string message;
  if (members.empty()) return message;
  Writer out(message);
  if (!group.description.empty()) add(out, block_resource, group.description);
  message += members;
  if (!group.schema_url.empty()) add(out, block_schema_url, group.schema_url);
  return message;
}

template <typename Write>
std::string written_scope(Scope& scope, Write write) {
  std::string items;
  Writer out(items);
  for (const std::string_view octets : scope.group.members) {
    const Item item{.octets = octets, .metric = read_metric(octets), .scope = scope};
    if (const std::string metric = write(item); !metric.empty()) add(out, scope_items, metric);
  }
  return written(scope.group, items);
}

template <typename Write>
std::string written_block(Resource& resource, Write write) {
  std::string scopes;
  Writer out(scopes);
  for (const std::string_view octets : resource.group.members) {
    const Group group = read_group(octets);
    Scope scope{.resource = resource, .group = group};
    if (const std::string member = written_scope(scope, write); !member.empty())
      add(out, block_scopes, member);
  }
  return written(resource.group, scopes);
}

// Calls `write(item)` with each metric. It returns what is to stand in its place, or an empty text.
template <typename Write>
std::string written_anew(std::string_view request, Write write) {
  std::string blocks;
  Writer out(blocks);
  for_each(request, request_resources, [&](std::string_view octets) {
    const Group group = read_group(octets);
    Resource resource{.group = group};
    if (const std::string block = written_block(resource, write); !block.empty())
      add(out, request_resources, block);
  });
  return blocks;
}

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

// Throws Malformed if a request is malformed or has too many parts. It keeps nothing of them: the refusal of a
// request costs no more than its first parts.
class Check {
 public:
  void request(std::string_view octets) {
    for_each(octets, request_resources, [this](std::string_view each) {
      group(each, resource_attributes, [this](std::string_view member) { scope(member); });
    });
  }

 private:
  // A block or a scope.
  template <typename Take>
  void group(std::string_view octets, Tag attributes, Take take) {
    count_part();
    std::string description;
    for (Reader field = reader(octets); field.next();) {
      switch (field.tag()) {
        case block_resource:
          description += view(field);
          break;
        case block_scopes:
          take(view(field));
          break;
        case block_schema_url:
          (void)view(field);
          break;
        default:
          field.skip();
      }
    }
    count_attributes(description, attributes);
    (void)read_attributes(description, attributes);
    if (attributes != description_attributes) return;
    (void)last(description, description_name);
    (void)last(description, description_version);
  }

  void scope(std::string_view octets) {
    group(octets, description_attributes, [this](std::string_view each) {
      count_part();
      metric(read_metric(each));
    });
  }

  void metric(const MetricView& metric) {
    if (metric.kind == MetricKind::other) return;
    const Tag attributes =
        metric.kind == MetricKind::histogram ? histogram_tag::attributes : number_tag::attributes;
    for_each(metric.data, data_tag::points, [&](std::string_view point) {
      count_part();
      if (!can_be_summed(metric)) return;
      count_attributes(point, attributes);
      if (metric.has(Temporality::delta)) (void)read_point(point, metric.kind);
    });
  }

  void count_part() {
    if (++parts_ > limits::request_parts) throw Malformed();
  }

  void count_attributes(std::string_view message, Tag tag) {
    for (Reader field = reader(message); field.next(); field.skip())
      if (field.tag() == tag && ++attributes_ > limits::request_attributes) throw Malformed();
  }

  size_t parts_ = 0;
  size_t attributes_ = 0;
};

// Nothing if the point would be too far ahead: the next one has its sum too.
void write(Writer& points, Series& series, const KeyValues& attributes, const SeriesTable& table) {
  const uint64_t time = std::max(table.now(), series.time + millisecond);
  if (time - table.now() > limits::ahead) return;
  series.written = table.request();
  series.time = time;
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
  const Digests digests(keys_);
  const auto is_delta = [](const Item& item) { return item.metric.has(Temporality::delta); };
  std::vector<Digest> added;  // of each point, in the order of the request
  const auto add_up = [&](const Item& item) {
    if (!is_delta(item)) return std::string();
    if (!can_be_summed(item.metric)) {
      for_each(item.metric.data, data_tag::points, [&](std::string_view) { table_->leave_out(); });
      return std::string();
    }
    const Direction direction = item.metric.is_monotonic ? Direction::up : Direction::up_and_down;
    const Digest metric = digests.of(item);
    for_each_point(item.metric, [&](std::string_view, const MetricPoint& point) {
      added.push_back(digests.of(metric, point.attributes));
      table_->add(added.back(), point.amount, direction);
    });
    return std::string();
  };
  size_t next = 0;
  const auto write_sums = [&](const Item& item) {
    if (!is_delta(item)) return std::string(item.octets);
    std::string points;
    if (!can_be_summed(item.metric)) return points;
    Writer out(points);
    for_each_point(item.metric, [&](std::string_view, const MetricPoint& point) {
      Series* const series = table_->find(added[next++]);
      if (series != nullptr && series->added == table_->request() && series->written != table_->request())
        write(out, *series, point.attributes, *table_);
    });
    return written(item.metric, points);
  };
  try {
    // Everything is read before anything is added up.
    Check().request(request);
    table_->begin_request(now);
    (void)written_anew(request, add_up);
    return written_anew(request, write_sums);
  } catch (const Malformed&) {
    return std::nullopt;
  }
}

std::string Cumulative::renewed(std::string_view result, uint64_t now) {
  const Digests digests(keys_);
  table_->begin_request(now);
  const auto write_sums = [&](const Item& item) {
    if (!item.metric.has(Temporality::cumulative) || !can_be_summed(item.metric))
      return std::string(item.octets);
    std::string points;
    Writer out(points);
    std::optional<Digest> metric;
    for_each_point(item.metric, [&](std::string_view octets, const MetricPoint& point) {
      if (!metric) metric = digests.of(item);
      Series* const series = table_->find(digests.of(*metric, point.attributes));
      if (series == nullptr || series->start != point.start)
        add(out, data_tag::points, octets);
      else if (series->written != table_->request())
        write(out, *series, point.attributes, *table_);
    });
    return written(item.metric, points);
  };
  try {
    const std::string anew = written_anew(result, write_sums);
    return anew.empty() ? std::string(result) : anew;
  } catch (const Malformed&) {
    return std::string(result);
  }
}

}  // namespace ostiary::otlp
