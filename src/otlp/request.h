// otlp/request.h: the form that the requests of all three signals have, by the numbers of
// opentelemetry/proto.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/text.h"
#include "otlp/message.h"

namespace ostiary::otlp {

// A request has blocks: ResourceSpans, ResourceMetrics or ResourceLogs. A block has one resource and
// scopes: ScopeSpans, ScopeMetrics or ScopeLogs. A scope has its description and items: spans, metrics
// or log records.
inline constexpr Tag request_resources = 1;
inline constexpr Tag block_resource = 1;
inline constexpr Tag block_scopes = 2;
inline constexpr Tag block_schema_url = 3;
inline constexpr Tag scope_description = 1;
inline constexpr Tag scope_items = 2;
inline constexpr Tag description_name = 1;
inline constexpr Tag description_version = 2;
inline constexpr Tag description_attributes = 3;
inline constexpr Tag resource_attributes = 1;
inline constexpr Tag resource_dropped_attributes = 2;
inline constexpr Tag attribute_key = 1;
inline constexpr Tag attribute_value = 2;
inline constexpr Tag value_text = 1;
inline constexpr Tag value_bool = 2;
inline constexpr Tag value_integer = 3;
inline constexpr Tag value_list = 5;
inline constexpr Tag value_octets = 7;
inline constexpr Tag list_values = 1;

// A block or a scope: what it describes has the same three fields.
struct Group {
  std::string description = {};  // of two, a reader merges the fields
  std::vector<std::string_view> members = {};
  std::string_view schema_url = {};
};
static_assert(block_resource == scope_description && block_scopes == scope_items);

inline Group read_group(std::string_view octets) {
  Group group;
  for (Reader field = reader(octets); field.next();) {
    switch (field.tag()) {
      case block_resource:
        group.description += view(field);
        break;
      case block_scopes:
        group.members.push_back(view(field));
        break;
      case block_schema_url:
        group.schema_url = view(field);
        break;
      default:
        field.skip();
    }
  }
  return group;
}

// Databases make an underscore of each mark, or of several, or of a character outside ASCII; and some compare
// without case.
inline std::string compared_key(std::string_view key) {
  std::string form;
  for (const char c : to_lower(key)) {
    const bool is_mark = !is_letter(c) && !is_digit(c);
    if (!is_mark || !form.ends_with('_')) form += is_mark ? '_' : c;
  }
  return form;
}

// Calls with each field of this number, which must be a text or a message.
template <typename Take>
void for_each(std::string_view message, Tag number, Take take) {
  for (Reader field = reader(message); field.next();) {
    if (field.tag() == number)
      take(view(field));
    else
      field.skip();
  }
}

// Of two fields where one is allowed, a reader takes the last. Empty if there is none.
inline std::string_view last(std::string_view message, Tag number) {
  std::string_view found;
  for_each(message, number, [&](std::string_view each) { found = each; });
  return found;
}

}  // namespace ostiary::otlp
