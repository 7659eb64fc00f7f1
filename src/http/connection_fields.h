// connection_fields.h: the header fields that belong to one connection, and end with it.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "ostiary/http/field.h"

namespace ostiary::http {

// The relay answers Expect itself, and the readers drop trailers.
inline constexpr std::array<std::string_view, 10> of_one_connection{
    "connection",       "expect", "http2-settings", "keep-alive", "proxy-authenticate",
    "proxy-connection", "te",     "trailer",        "trailers",   "upgrade"};

// The names in the Connection fields.
inline std::expected<std::vector<std::string_view>, Fault> connection_options(std::span<const Field> fields) {
  std::vector<std::string_view> named;
  const auto read =
      for_each_connection_option(fields, [&](std::string_view option) { named.push_back(option); });
  if (!read) return std::unexpected(read.error());
  return named;
}

}  // namespace ostiary::http
