#include "ostiary/otlp/write.h"

#include <algorithm>
#include <limits>

#include "otlp/metric.h"
#include "otlp/request.h"

namespace ostiary::otlp {
namespace {

// The numbers of the fields, from opentelemetry/proto.
namespace log {
constexpr Tag time = 1;
constexpr Tag severity_number = 2;
constexpr Tag severity_text = 3;
constexpr Tag body = 5;
constexpr Tag attributes = 6;
constexpr Tag trace = 9;
constexpr Tag span = 10;
constexpr Tag observed_time = 11;
constexpr Tag event_name = 12;
}  // namespace log
namespace span_tag {
constexpr Tag trace = 1;
constexpr Tag span = 2;
constexpr Tag name = 5;
constexpr Tag kind = 6;
constexpr Tag start = 7;
constexpr Tag end = 8;
constexpr Tag attributes = 9;
}  // namespace span_tag
constexpr int32_t kind_internal = 1;

std::string_view text(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "INFO";
    case Severity::warn:
      return "WARN";
    case Severity::error:
      return "ERROR";
  }
  return "ERROR";
}

struct ValueWriter {
  void operator()(const std::string& value) { add(out, value_text, value); }
  void operator()(int64_t value) { out.add_int64(value_integer, value); }
  void operator()(bool value) { out.add_bool(value_bool, value); }
  void operator()(const std::vector<std::string>& values) {
    Writer list(out, value_list);
    for (const std::string& each : values) {
      Writer value(list, list_values);
      add(value, value_text, each);
    }
  }

  Writer& out;
};

void add_attributes(Writer& out, Tag tag, std::span<const Field> fields) {
  for (const Field& each : fields) {
    Writer attribute(out, tag);
    add(attribute, attribute_key, each.key);
    Writer value(attribute, attribute_value);
    std::visit(ValueWriter{value}, each.value);
  }
}

// A request whose only scope has the items that `add_items` writes into it.
template <typename AddItems>
std::string request(const Scope& scope, AddItems add_items) {
  std::string message;
  Writer out(message);
  Writer block(out, request_resources);
  Writer items(block, block_scopes);
  {
    Writer description(items, scope_description);
    add(description, description_name, scope.name);
    add(description, description_version, scope.version);
  }
  add_items(items);
  items.commit();
  block.commit();
  return message;
}

void write(Writer& out, const LogRecord& record) {
  out.add_fixed64(log::time, record.time);
  out.add_enum(log::severity_number, static_cast<int32_t>(record.severity));
  add(out, log::severity_text, text(record.severity));
  {
    Writer body(out, log::body);
    add(body, value_text, record.body);
  }
  add_attributes(out, log::attributes, record.attributes);
  if (!record.trace.empty()) add(out, log::trace, record.trace);
  if (!record.span.empty()) add(out, log::span, record.span);
  out.add_fixed64(log::observed_time, record.observed_time);
  add(out, log::event_name, record.event_name);
}

void write(Writer& out, const Span& written) {
  add(out, span_tag::trace, written.trace);
  add(out, span_tag::span, written.span);
  add(out, span_tag::name, written.name);
  out.add_enum(span_tag::kind, kind_internal);
  out.add_fixed64(span_tag::start, written.start);
  out.add_fixed64(span_tag::end, written.end);
  add_attributes(out, span_tag::attributes, written.attributes);
}

void write(Writer& out, const Metric& written, const Interval& interval) {
  const bool is_sum = written.kind == Metric::Kind::sum;
  add(out, metric_tag::name, written.name);
  add(out, metric_tag::description, written.description);
  add(out, metric_tag::unit, written.unit);
  Writer data(out, is_sum ? metric_tag::sum : metric_tag::gauge);
  for (const Point& each : written.points) {
    Writer value(data, data_tag::points);
    if (is_sum) value.add_fixed64(point_tag::start, interval.start);
    value.add_fixed64(point_tag::time, interval.end);
    constexpr uint64_t largest = std::numeric_limits<int64_t>::max();
    value.add_sfixed64(number_tag::integer, static_cast<int64_t>(std::min(each.value, largest)));
    add_attributes(value, number_tag::attributes, each.attributes);
  }
  if (!is_sum) return;
  data.add_enum(data_tag::temporality, static_cast<int32_t>(interval.temporality));
  data.add_bool(data_tag::is_monotonic, true);
}

template <typename Item>
std::string request_of(const Scope& scope, std::span<const Item> all) {
  return request(scope, [&](Writer& items) {
    for (const Item& each : all) {
      Writer item(items, scope_items);
      write(item, each);
    }
  });
}

}  // namespace

std::string traces_request(const Scope& scope, std::span<const Span> spans) {
  return request_of(scope, spans);
}

std::string logs_request(const Scope& scope, std::span<const LogRecord> records) {
  return request_of(scope, records);
}

std::string metrics_request(const Scope& scope, std::span<const Metric> metrics, const Interval& interval) {
  return request(scope, [&](Writer& items) {
    for (const Metric& each : metrics) {
      if (each.points.empty()) continue;
      Writer item(items, scope_items);
      write(item, each, interval);
    }
  });
}

}  // namespace ostiary::otlp
