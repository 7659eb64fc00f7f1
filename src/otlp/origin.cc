#include "ostiary/otlp/origin.h"

#include "otlp/request.h"

namespace ostiary::otlp {
namespace {

// The numbers of the fields, from opentelemetry/proto.
struct ItemFields {
  Tag attributes;
  Tag trace;
  Tag span;
};
constexpr ItemFields span_fields{.attributes = 9, .trace = 1, .span = 2};
constexpr ItemFields log_fields{.attributes = 6, .trace = 9, .span = 10};

constexpr size_t trace_octets = 16;
constexpr size_t span_octets = 8;

std::string_view id(std::string_view octets, size_t size) {
  const bool is_valid = octets.size() == size && octets.find_first_not_of('\0') != std::string_view::npos;
  return is_valid ? octets : std::string_view();
}

Origin origin_of(std::string_view item, const ItemFields& fields) {
  Origin origin;
  for (Reader field = reader(item); field.next();) {
    if (field.tag() == fields.attributes) {
      const std::string_view attribute = view(field);
      if (last(attribute, attribute_key) == "session.id")
        origin.session = last(last(attribute, attribute_value), value_text);
    } else if (field.tag() == fields.trace) {
      origin.trace = id(view(field), trace_octets);
    } else if (field.tag() == fields.span) {
      origin.span = id(view(field), span_octets);
    } else {
      field.skip();
    }
  }
  return origin;
}

}  // namespace

std::optional<std::vector<Origin>> origins(std::string_view request, Items items) {
  const ItemFields& fields = items == Items::spans ? span_fields : log_fields;
  std::vector<Origin> found;
  const auto take = [&](std::string_view item) {
    if (found.size() == limits::origins) return;
    const Origin origin = origin_of(item, fields);
    if (!origin.session.empty() && (found.empty() || found.back() != origin)) found.push_back(origin);
  };
  try {
    for_each(request, request_resources, [&](std::string_view block) {
      for_each(block, block_scopes, [&](std::string_view scope) { for_each(scope, scope_items, take); });
    });
  } catch (const Malformed&) {
    return std::nullopt;
  }
  return found;
}

}  // namespace ostiary::otlp
