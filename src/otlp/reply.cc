#include "ostiary/otlp/reply.h"

#include "otlp/message.h"

namespace ostiary::otlp {
namespace {

// The numbers of the fields, from opentelemetry/proto.
constexpr Tag response_partial_success = 1;
constexpr Tag partial_rejected = 1;
constexpr Tag partial_message = 2;

constexpr Tag status_text = 2;  // from google/rpc/status.proto

Rejected read_partial_success(std::string_view octets) {
  Rejected rejected;
  for (Reader field = reader(octets); field.next();) {
    if (field.tag() == partial_rejected)
      rejected.count = number(field);
    else if (field.tag() == partial_message)
      rejected.message = view(field);
    else
      field.skip();
  }
  return rejected;
}

}  // namespace

Outcome outcome_of(uint16_t http_status) {
  if (http_status >= 200 && http_status < 300) return Outcome::delivered;
  switch (http_status) {
    case 429:
    case 502:
    case 503:
    case 504:
      return Outcome::delayed;
    default:
      return Outcome::refused;
  }
}

std::optional<Rejected> rejected_part(std::string_view body) {
  Rejected rejected;
  try {
    for (Reader field = reader(body); field.next();) {
      if (field.tag() == response_partial_success)
        rejected = read_partial_success(view(field));
      else
        field.skip();
    }
  } catch (const Malformed&) {
    return std::nullopt;
  }
  return rejected == Rejected{} ? std::nullopt : std::optional(rejected);
}

std::string status_message(std::string_view body) {
  std::string message;
  try {
    for (Reader field = reader(body); field.next();)
      if (field.tag() == status_text)
        message = view(field);
      else
        field.skip();
  } catch (const Malformed&) {
    return {};
  }
  return message;
}

}  // namespace ostiary::otlp
