// messages.h: protobuf messages of OpenTelemetry, written field by field.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "otlp/message.h"

namespace ostiary::otlp::testing {

inline std::string field(Tag tag, std::string_view octets) {
  std::string message;
  Writer out(message);
  add(out, tag, octets);
  return message;
}

inline std::string number_field(Tag tag, uint64_t number) {
  std::string message;
  Writer(message).add_uint64(tag, number);
  return message;
}

inline std::string attribute(std::string_view key, std::string_view value) {
  return field(1, field(1, key) + field(2, field(1, value)));
}

// A block of one resource, with these fields in the resource, and a scope.
inline std::string block(std::string_view resource, std::string_view scope = "scope") {
  return field(1, field(1, resource) + field(2, scope));
}

}  // namespace ostiary::otlp::testing
