#include "http/forwardable.h"

#include <algorithm>
#include <array>

namespace ostiary::http {
namespace {

// The caller answers Expect itself, and the reader drops trailers.
constexpr std::array<std::string_view, 10> of_one_connection{
    "connection",       "expect", "http2-settings", "keep-alive", "proxy-authenticate",
    "proxy-connection", "te",     "trailer",        "trailers",   "upgrade"};

// In lower case, with hyphens.
constexpr std::array<std::string_view, 7> in_names_of_credentials{
    "api-key", "apikey", "authorization", "cookie", "credential", "secret", "token"};
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

}  // namespace

std::expected<std::vector<Field>, Fault> forwardable(std::span<const Field> fields,
                                                     std::span<const std::string_view> own) {
  const auto is_own = [&](std::string_view name) {
    return resembles_any(name, framing_names) || resembles_any(name, own);
  };
  std::vector<std::string_view> named;
  bool names_own = false;
  const auto read = for_each_connection_option(fields, [&](std::string_view option) {
    names_own |= is_own(option);
    named.push_back(option);
  });
  if (!read) return std::unexpected(read.error());
  if (names_own) return std::unexpected(Fault::connection_names_own);
  std::vector<Field> passing;
  std::ranges::copy_if(fields, std::back_inserter(passing), [&](const Field& field) {
    return !is_own(field.name) && !resembles_any(field.name, of_one_connection) &&
           !resembles_any(field.name, named) && !may_be_credential(field.name);
  });
  return passing;
}

}  // namespace ostiary::http
