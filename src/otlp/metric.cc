#include "otlp/metric.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "ostiary/otlp/cumulative.h"
#include "otlp/request.h"

namespace ostiary::otlp {
namespace {

constexpr uint64_t flag_of_no_value = 1;

double real(Reader& field) {
  require_type(field, protozero::pbf_wire_type::fixed64);
  return field.get_double();
}

uint64_t fixed(Reader& field) {
  require_type(field, protozero::pbf_wire_type::fixed64);
  return field.get_fixed64();
}

// Other readers keep 32 bits of it, and would so read another value than we do.
uint64_t enumerator(Reader& field) {
  const uint64_t value = number(field);
  if (value > INT32_MAX) throw Malformed();
  return value;
}

// A repeated field may come packed, or one by one.
void take_fixed(Reader& field, std::vector<uint64_t>& into) {
  if (field.has_wire_type(protozero::pbf_wire_type::fixed64)) {
    into.push_back(field.get_fixed64());
    return;
  }
  require_type(field, protozero::pbf_wire_type::length_delimited);
  for (const uint64_t each : field.get_packed_fixed64()) into.push_back(each);
}

void take_real(Reader& field, std::vector<double>& into) {
  if (field.has_wire_type(protozero::pbf_wire_type::fixed64)) {
    into.push_back(field.get_double());
    return;
  }
  require_type(field, protozero::pbf_wire_type::length_delimited);
  for (const double each : field.get_packed_double()) into.push_back(each);
}

void take_attribute(Reader& field, KeyValues& attributes) {
  const std::string_view octets = view(field);
  attributes[last(octets, attribute_key)] = last(octets, attribute_value);
  if (attributes.size() > limits::attributes) throw Malformed();
}

MetricPoint read_number(std::string_view point) {
  MetricPoint read;
  bool has_no_value = false;
  for (Reader field = reader(point); field.next();) {
    switch (field.tag()) {
      case point_tag::start:
        read.start = fixed(field);
        break;
      case number_tag::real:
        read.amount = real(field);
        break;
      case number_tag::integer:
        read.amount = static_cast<int64_t>(fixed(field));
        break;
      case number_tag::attributes:
        take_attribute(field, read.attributes);
        break;
      case number_tag::flags:
        has_no_value = (number(field) & flag_of_no_value) != 0;
        break;
      default:
        field.skip();
    }
  }
  const auto* const floating = read.amount ? std::get_if<double>(&*read.amount) : nullptr;
  if (has_no_value || (floating != nullptr && !std::isfinite(*floating))) read.amount.reset();
  return read;
}

bool is_consistent(const Histogram& histogram) {
  const auto is_not_finite = [](double each) { return !std::isfinite(each); };
  if (histogram.sum && is_not_finite(*histogram.sum)) return false;
  if (histogram.buckets.empty()) return histogram.bounds.empty();
  if (histogram.buckets.size() != histogram.bounds.size() + 1) return false;
  if (std::ranges::any_of(histogram.bounds, is_not_finite)) return false;
  if (std::ranges::adjacent_find(histogram.bounds, std::ranges::greater_equal()) != histogram.bounds.end())
    return false;
  uint64_t left = histogram.count;
  for (const uint64_t each : histogram.buckets) {
    if (each > left) return false;
    left -= each;
  }
  return left == 0;
}

void drop_if_not_finite(std::optional<double>& number) {
  if (number && !std::isfinite(*number)) number.reset();
}

MetricPoint read_histogram(std::string_view point) {
  MetricPoint read;
  Histogram histogram;
  bool has_no_value = false;
  for (Reader field = reader(point); field.next();) {
    switch (field.tag()) {
      case point_tag::start:
        read.start = fixed(field);
        break;
      case histogram_tag::count:
        histogram.count = fixed(field);
        break;
      case histogram_tag::sum:
        histogram.sum = real(field);
        break;
      case histogram_tag::buckets:
        take_fixed(field, histogram.buckets);
        break;
      case histogram_tag::bounds:
        take_real(field, histogram.bounds);
        break;
      case histogram_tag::attributes:
        take_attribute(field, read.attributes);
        break;
      case histogram_tag::flags:
        has_no_value = (number(field) & flag_of_no_value) != 0;
        break;
      case histogram_tag::min:
        histogram.min = real(field);
        break;
      case histogram_tag::max:
        histogram.max = real(field);
        break;
      default:
        field.skip();
    }
  }
  drop_if_not_finite(histogram.min);
  drop_if_not_finite(histogram.max);
  if (!has_no_value && is_consistent(histogram)) read.amount = std::move(histogram);
  return read;
}

struct AmountWriter {
  void operator()(int64_t value) const { out.add_sfixed64(number_tag::integer, value); }
  void operator()(double value) const { out.add_double(number_tag::real, value); }
  void operator()(const Histogram& value) const {
    out.add_fixed64(histogram_tag::count, value.count);
    if (value.sum) out.add_double(histogram_tag::sum, *value.sum);
    out.add_packed_fixed64(histogram_tag::buckets, value.buckets.begin(), value.buckets.end());
    out.add_packed_double(histogram_tag::bounds, value.bounds.begin(), value.bounds.end());
    if (value.min) out.add_double(histogram_tag::min, *value.min);
    if (value.max) out.add_double(histogram_tag::max, *value.max);
  }

  Writer& out;
};

}  // namespace

MetricView read_metric(std::string_view metric) {
  MetricView read;
  const auto take_data = [&](Reader& field, MetricKind kind) {
    if (read.data.data() != nullptr) throw Malformed();
    read.kind = kind;
    read.data = view(field);
  };
  for (Reader field = reader(metric); field.next();) {
    switch (field.tag()) {
      case metric_tag::name:
        read.name = view(field);
        break;
      case metric_tag::description:
        read.description = view(field);
        break;
      case metric_tag::unit:
        read.unit = view(field);
        break;
      case metric_tag::sum:
        take_data(field, MetricKind::sum);
        break;
      case metric_tag::histogram:
        take_data(field, MetricKind::histogram);
        break;
      case metric_tag::exponential_histogram:
        take_data(field, MetricKind::exponential_histogram);
        break;
      case metric_tag::gauge:
      case metric_tag::summary:
        take_data(field, MetricKind::other);
        break;
      default:
        field.skip();
    }
  }
  if (read.kind == MetricKind::other) return read;
  for (Reader field = reader(read.data); field.next();) {
    if (field.tag() == data_tag::temporality)
      read.temporality = enumerator(field);
    else if (field.tag() == data_tag::is_monotonic && read.kind == MetricKind::sum)
      read.is_monotonic = number(field) != 0;
    else
      field.skip();
  }
  return read;
}

KeyValues read_attributes(std::string_view message, Tag field) {
  KeyValues attributes;
  for (Reader each = reader(message); each.next();) {
    if (each.tag() == field)
      take_attribute(each, attributes);
    else
      each.skip();
  }
  return attributes;
}

MetricPoint read_point(std::string_view point, MetricKind kind) {
  return kind == MetricKind::histogram ? read_histogram(point) : read_number(point);
}

void write_point(Writer& point, uint64_t start, uint64_t time, const Amount& amount,
                 const KeyValues& attributes) {
  point.add_fixed64(point_tag::start, start);
  point.add_fixed64(point_tag::time, time);
  std::visit(AmountWriter{point}, amount);
  const Tag field =
      std::holds_alternative<Histogram>(amount) ? histogram_tag::attributes : number_tag::attributes;
  for (const auto& [key, value] : attributes) {
    Writer attribute(point, field);
    add(attribute, attribute_key, key);
    if (value.data() != nullptr) add(attribute, attribute_value, value);
  }
}

}  // namespace ostiary::otlp
