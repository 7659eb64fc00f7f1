#include "ostiary/otlp/nesting.h"

#include <array>

#include "otlp/message.h"

namespace ostiary::otlp {
namespace {

// The messages of a request that can hold a value, by their names in opentelemetry/proto.
enum class Message : uint8_t {
  none,
  traces_request,
  metrics_request,
  logs_request,
  resource_spans,
  resource_metrics,
  resource_logs,
  resource,
  scope_spans,
  scope_metrics,
  scope_logs,
  scope,
  span,
  event,
  link,
  metric,
  numbers,  // Gauge, Sum
  histogram,
  exponential_histogram,
  summary,
  number_point,
  histogram_point,
  exponential_point,
  summary_point,
  exemplar,
  log_record,
  attribute,   // KeyValue
  value,       // AnyValue
  values,      // ArrayValue
  attributes,  // KeyValueList
  count,
};

struct Edge {
  Message in;
  Tag field;
  Message to;
};
using enum Message;
constexpr std::array edges{
    Edge{traces_request, 1, resource_spans},
    Edge{metrics_request, 1, resource_metrics},
    Edge{logs_request, 1, resource_logs},
    Edge{resource_spans, 1, resource},
    Edge{resource_spans, 2, scope_spans},
    Edge{resource_metrics, 1, resource},
    Edge{resource_metrics, 2, scope_metrics},
    Edge{resource_logs, 1, resource},
    Edge{resource_logs, 2, scope_logs},
    Edge{resource, 1, attribute},
    Edge{scope_spans, 1, scope},
    Edge{scope_spans, 2, span},
    Edge{scope_metrics, 1, scope},
    Edge{scope_metrics, 2, metric},
    Edge{scope_logs, 1, scope},
    Edge{scope_logs, 2, log_record},
    Edge{scope, 3, attribute},
    Edge{span, 9, attribute},
    Edge{span, 11, event},
    Edge{span, 13, link},
    Edge{event, 3, attribute},
    Edge{link, 4, attribute},
    Edge{metric, 5, numbers},
    Edge{metric, 7, numbers},
    Edge{metric, 9, histogram},
    Edge{metric, 10, exponential_histogram},
    Edge{metric, 11, summary},
    Edge{metric, 12, attribute},
    Edge{numbers, 1, number_point},
    Edge{histogram, 1, histogram_point},
    Edge{exponential_histogram, 1, exponential_point},
    Edge{summary, 1, summary_point},
    Edge{number_point, 5, exemplar},
    Edge{number_point, 7, attribute},
    Edge{histogram_point, 8, exemplar},
    Edge{histogram_point, 9, attribute},
    Edge{exponential_point, 1, attribute},
    Edge{exponential_point, 11, exemplar},
    Edge{summary_point, 7, attribute},
    Edge{exemplar, 7, attribute},
    Edge{log_record, 5, value},
    Edge{log_record, 6, attribute},
    Edge{attribute, 2, value},
    Edge{value, 5, values},
    Edge{value, 6, attributes},
    Edge{values, 1, value},
    Edge{attributes, 1, attribute},
};

constexpr size_t fields = 16;
constexpr auto targets = [] {
  std::array<std::array<Message, fields>, static_cast<size_t>(count)> table{};
  for (const Edge& each : edges) table[static_cast<size_t>(each.in)][each.field] = each.to;
  return table;
}();

Message target(Message in, Tag field) {
  return field < fields ? targets[static_cast<size_t>(in)][field] : none;
}

// `left` levels are allowed, this message among them. A level takes at least two octets, so most messages are
// too short to hold more.
bool fits(std::string_view octets, Message message, size_t left) {
  if (left == 0) return false;
  if (octets.size() < 2 * left) return true;
  for (Reader field = reader(octets); field.next();) {
    const Message inner = target(message, field.tag());
    if (inner == none || !field.has_wire_type(protozero::pbf_wire_type::length_delimited))
      field.skip();
    else if (!fits(view(field), inner, left - 1))
      return false;
  }
  return true;
}

Message request_of(ItemKind items) {
  switch (items) {
    case ItemKind::spans:
      return traces_request;
    case ItemKind::metrics:
      return metrics_request;
    case ItemKind::log_records:
      break;
  }
  return logs_request;
}

}  // namespace

bool is_within_levels(std::string_view request, ItemKind items) {
  try {
    return fits(request, request_of(items), limits::levels);
  } catch (const Malformed&) {
    return false;
  }
}

}  // namespace ostiary::otlp
