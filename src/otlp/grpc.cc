#include "ostiary/otlp/grpc.h"

#include <algorithm>
#include <string>

#include "ostiary/base/encoding.h"
#include "ostiary/base/text.h"
#include "otlp/message.h"

namespace ostiary::otlp {
namespace {

using std::chrono::seconds;

constexpr size_t prefix_octets = 5;
// A collector that asks for more is not right. The sum of it and of the time cannot overflow.
constexpr seconds longest_delay = std::chrono::hours(24);

// The numbers of the fields, from google/rpc/status.proto, error_details.proto, and from
// google/protobuf/any.proto, duration.proto.
constexpr Tag status_details = 3;
constexpr Tag any_type = 1;
constexpr Tag any_value = 2;
constexpr Tag retry_info_delay = 1;
constexpr Tag duration_seconds = 1;
constexpr Tag duration_nanoseconds = 2;

struct Code {
  std::string_view name;
  Outcome outcome;
};

constexpr auto delivered = Outcome::delivered;
constexpr auto delayed = Outcome::delayed;
constexpr auto refused = Outcome::refused;
constexpr std::array<Code, 17> codes{{{"OK", delivered},
                                      {"CANCELLED", delayed},
                                      {"UNKNOWN", refused},
                                      {"INVALID_ARGUMENT", refused},
                                      {"DEADLINE_EXCEEDED", delayed},
                                      {"NOT_FOUND", refused},
                                      {"ALREADY_EXISTS", refused},
                                      {"PERMISSION_DENIED", refused},
                                      {"RESOURCE_EXHAUSTED", refused},  // delayed with a RetryInfo
                                      {"FAILED_PRECONDITION", refused},
                                      {"ABORTED", delayed},
                                      {"OUT_OF_RANGE", delayed},
                                      {"UNIMPLEMENTED", refused},
                                      {"INTERNAL", refused},
                                      {"UNAVAILABLE", delayed},
                                      {"DATA_LOSS", delayed},
                                      {"UNAUTHENTICATED", refused}}};
constexpr size_t unknown = 2;
constexpr size_t resource_exhausted = 8;

// A part of a second counts as a whole one; a negative number as none.
seconds read_duration(std::string_view octets) {
  uint64_t whole = 0;
  bool has_part = false;
  for (Reader field = reader(octets); field.next();) {
    if (field.tag() == duration_seconds)
      whole = number(field);
    else if (field.tag() == duration_nanoseconds)
      has_part = number(field) != 0;
    else
      field.skip();
  }
  if (whole > INT64_MAX) return seconds(0);
  return std::min(longest_delay,
                  seconds(std::min<uint64_t>(whole, longest_delay.count())) + seconds(has_part ? 1 : 0));
}

seconds read_retry_info(std::string_view octets) {
  seconds delay(0);
  for (Reader field = reader(octets); field.next();) {
    if (field.tag() == retry_info_delay)
      delay = read_duration(view(field));
    else
      field.skip();
  }
  return delay;
}

// Of one detail, if it is a RetryInfo.
std::optional<seconds> read_any(std::string_view octets) {
  std::string_view type;
  std::string_view value;
  for (Reader field = reader(octets); field.next();) {
    if (field.tag() == any_type)
      type = view(field);
    else if (field.tag() == any_value)
      value = view(field);
    else
      field.skip();
  }
  if (!type.ends_with("/google.rpc.RetryInfo")) return std::nullopt;
  return read_retry_info(value);
}

// The delay of the RetryInfo among the details. Nothing without one, or if the details are malformed.
std::optional<seconds> retry_delay(std::string_view details) {
  const auto octets = base64_decoded(details);
  if (!octets) return std::nullopt;
  std::optional<seconds> delay;
  try {
    for (Reader field = reader(*octets); field.next();) {
      if (field.tag() != status_details)
        field.skip();
      else if (const auto each = read_any(view(field)))
        delay = each;
    }
  } catch (const Malformed&) {
    return std::nullopt;
  }
  return delay;
}

}  // namespace

std::array<char, prefix_octets> grpc_prefix(Compression compression, uint32_t octets) {
  return {compression == Compression::applied ? '\1' : '\0', static_cast<char>(octets >> 24U),
          static_cast<char>(octets >> 16U), static_cast<char>(octets >> 8U), static_cast<char>(octets)};
}

std::optional<std::string_view> grpc_message(std::string_view stream) {
  if (stream.size() < prefix_octets || stream.front() != '\0') return std::nullopt;
  uint32_t octets = 0;
  for (const char octet : stream.substr(1, prefix_octets - 1))
    octets = octets << 8U | static_cast<uint8_t>(octet);
  stream.remove_prefix(prefix_octets);
  if (octets > stream.size()) return std::nullopt;
  return stream.substr(0, octets);
}

std::optional<GrpcStatus> grpc_status(std::string_view status, std::string_view details) {
  const auto number = parse_number<uint32_t>(status);
  if (!number) return std::nullopt;
  const size_t code = *number < codes.size() ? *number : unknown;
  GrpcStatus read{.outcome = codes.at(code).outcome, .name = codes.at(code).name};
  if (read.outcome == delayed || code == resource_exhausted) read.retry_after = retry_delay(details);
  if (code == resource_exhausted && read.retry_after) read.outcome = delayed;
  return read;
}

}  // namespace ostiary::otlp
