#include "ostiary/http/forwardable.h"

#include <algorithm>
#include <array>

#include "http/connection_fields.h"

namespace ostiary::http {
namespace {

// In lower case.
constexpr std::array<std::string_view, 25> names{"accept",
                                                 "accept-charset",
                                                 "accept-encoding",
                                                 "accept-language",
                                                 "cache-control",
                                                 "content-disposition",
                                                 "content-encoding",
                                                 "content-language",
                                                 "content-md5",
                                                 "content-range",
                                                 "content-type",
                                                 "idempotency-key",
                                                 "if-match",
                                                 "if-modified-since",
                                                 "if-none-match",
                                                 "if-range",
                                                 "if-unmodified-since",
                                                 "pragma",
                                                 "prefer",
                                                 "range",
                                                 "traceparent",
                                                 "tracestate",
                                                 "user-agent",
                                                 "x-client-request-id",
                                                 "x-requested-with"};

// In lower case, with hyphens.
constexpr std::array<std::string_view, 9> in_names_of_credentials{
    "api-key", "apikey", "auth", "cookie", "credential", "password", "secret", "session-key", "token"};
constexpr std::array<std::string_view, 2> before_names_of_credentials{"x-amz-", "x-goog-"};

bool contains(std::string_view name, std::string_view part) {
  return !std::ranges::search(name, part, {}, fold_mark).empty();
}

bool may_be_credential(std::string_view name) {
  return std::ranges::any_of(in_names_of_credentials,
                             [&](std::string_view part) { return contains(name, part); }) ||
         std::ranges::any_of(before_names_of_credentials, [&](std::string_view start) {
           return resembles(name.substr(0, start.size()), start);
         });
}

bool is_listed(std::string_view name, std::span<const std::string> more) {
  const auto is_meant = [&](std::string_view each) {
    return equal_ignoring_case(each.ends_with('-') ? name.substr(0, each.size()) : name, each);
  };
  return std::ranges::any_of(names, is_meant) || std::ranges::any_of(more, is_meant);
}

}  // namespace

std::expected<std::vector<Field>, Fault> forwardable(std::span<const Field> fields,
                                                     std::span<const std::string> own,
                                                     std::span<const std::string> more) {
  const auto is_own = [&](std::string_view name) {
    return resembles_any(name, framing_names) ||
           std::ranges::any_of(own, [&](std::string_view each) { return resembles(name, each); });
  };
  const auto named = connection_options(fields);
  if (!named) return std::unexpected(named.error());
  if (std::ranges::any_of(*named, is_own)) return std::unexpected(Fault::connection_names_own);
  std::vector<Field> passing;
  std::ranges::copy_if(fields, std::back_inserter(passing), [&](const Field& field) {
    return is_listed(field.name, more) && !is_own(field.name) &&
           !resembles_any(field.name, of_one_connection) && !resembles_any(field.name, *named) &&
           !may_be_credential(field.name);
  });
  return passing;
}

bool is_end_to_end(std::string_view name) {
  return !resembles_any(name, framing_names) && !resembles_any(name, of_one_connection);
}

}  // namespace ostiary::http
