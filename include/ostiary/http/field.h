// http/field.h: header fields, and what they say about the connection.
// A Field points into its message. Its name is a token; its value has no control character except
// tabs, and no blank at its ends.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "ostiary/base/text.h"
#include "ostiary/http/fault.h"

namespace ostiary::http {

struct Field {
  std::string_view name;
  std::string_view value;

  bool operator==(const Field&) const = default;
};

enum class Version : uint8_t { http_1_0, http_1_1 };

// Whether the connection may serve another message after this one.
enum class Persistence : uint8_t { close, keep };

constexpr bool is_alphanumeric(char c) {
  return is_letter(c) || is_digit(c);
}

constexpr bool is_token_octet(char c) {
  return is_alphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").contains(c);
}
constexpr bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_octet);
}

// Whether the octet is a control character, except for the tab.
constexpr bool is_forbidden_control(char c) {
  return (static_cast<uint8_t>(c) < 0x20 && c != '\t') || c == 0x7f;
}

// Servers may compare names in this form: CGI turns punctuation into underscores (RFC 3875,
// 4.1.18).
constexpr char fold_mark(char c) {
  return is_alphanumeric(c) ? to_lower(c) : '-';
}
constexpr bool resembles(std::string_view name, std::string_view other) {
  return std::ranges::equal(name, other, {}, fold_mark, fold_mark);
}

// Host, Content-Length and Transfer-Encoding. A name that only resembles one of them is refused.
inline constexpr std::array<std::string_view, 3> framing_names{"host", "content-length", "transfer-encoding"};

constexpr bool resembles_any(std::string_view name, std::span<const std::string_view> others) {
  return std::ranges::any_of(others, [&](std::string_view other) { return resembles(name, other); });
}

// Requires a line without its CRLF.
std::expected<Field, Fault> read_field(std::string_view line);

// "HTTP/1.1" or "HTTP/1.0"
std::expected<Version, Fault> read_version(std::string_view text, Fault malformed);

// Calls `use` for each name in the Connection fields.
template <typename Use>
std::expected<void, Fault> for_each_connection_option(std::span<const Field> fields, Use use) {
  for (const Field& field : fields) {
    if (!equal_ignoring_case(field.name, "connection")) continue;
    for (std::string_view rest = field.value; !rest.empty();) {
      const std::string_view option = trim(take_until(rest, ','));
      if (option.empty()) continue;
      if (!is_token(option)) return std::unexpected(Fault::connection);
      use(option);
    }
  }
  return {};
}

std::expected<Persistence, Fault> read_persistence(std::span<const Field> fields, Version version);

}  // namespace ostiary::http
