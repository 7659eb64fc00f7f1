#include "ostiary/http/returnable.h"

#include <algorithm>
#include <array>

#include "http/connection_fields.h"

namespace ostiary::http {
namespace {

constexpr std::array<std::string_view, 5> of_the_origin{"alt-svc", "location", "set-cookie", "set-cookie2",
                                                        "strict-transport-security"};

}  // namespace

std::expected<std::vector<Field>, Fault> returnable(std::span<const Field> fields) {
  const auto named = connection_options(fields);
  if (!named) return std::unexpected(named.error());
  std::vector<Field> passing;
  std::ranges::copy_if(fields, std::back_inserter(passing), [&](const Field& field) {
    return !resembles_any(field.name, framing_names) && !resembles_any(field.name, of_one_connection) &&
           !resembles_any(field.name, of_the_origin) && !resembles_any(field.name, *named);
  });
  return passing;
}

}  // namespace ostiary::http
