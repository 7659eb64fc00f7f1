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

// An attribute is usually its key and then its value, each shorter than 128 octets. Then nothing needs to be looked for:
// this is what takes time in a request with thousands of attributes.
std::string_view key_of(std::string_view attribute) {
  constexpr char key_tag = attribute_key << 3U | 2U;
  constexpr char value_tag = attribute_value << 3U | 2U;
  const auto short_field_at = [&](size_t at, char tag) -> std::optional<std::string_view> {
    if (attribute.size() < at + 2 || attribute[at] != tag || attribute[at + 1] < 0) return std::nullopt;
    const auto length = static_cast<size_t>(static_cast<unsigned char>(attribute[at + 1]));
    if (attribute.size() < at + 2 + length) return std::nullopt;
    return attribute.substr(at + 2, length);
  };
  const auto key = short_field_at(0, key_tag);
  const auto value = key ? short_field_at(key->size() + 2, value_tag) : std::nullopt;
  const bool is_usual = value && key->size() + value->size() + 4 == attribute.size();
  return is_usual ? *key : last(attribute, attribute_key);
}

Origin origin_of(std::string_view item, const ItemFields& fields) {
  Origin origin;
  for (Reader field = reader(item); field.next();) {
    if (field.tag() == fields.attributes) {
      const std::string_view attribute = view(field);
      if (key_of(attribute) == "session.id")
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
