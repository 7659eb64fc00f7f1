#include "telemetry/headers.h"

#include <algorithm>

#include "ostiary/base/encoding.h"
#include "ostiary/base/text.h"
#include "telemetry/pairs.h"

namespace ostiary::telemetry {
namespace {

std::unexpected<Error> refuse(std::string message) {
  return fail(Exit::configuration, std::move(message));
}

// Always on the heap, so that moving the string into a Secret leaves no copy.
std::string room_for_secret(size_t size) {
  std::string room;
  room.reserve(std::max<size_t>(size, 64));
  return room;
}

bool is_token(std::string_view name) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !name.empty() &&
         std::ranges::all_of(name, [=](char c) { return is_letter(c) || is_digit(c) || marks.contains(c); });
}

// Whoever sends a request writes these itself. In lower case.
constexpr auto fields_of_requests = std::to_array<std::string_view>(
    {"connection", "content-encoding", "content-length", "content-type", "expect", "host", "keep-alive", "te",
     "trailer", "transfer-encoding", "upgrade"});

Result<> check_name(std::string_view name, const std::string& where) {
  if (!is_token(name))
    return refuse(where + " has no HTTP header name before its '=': write one, as in Authorization=Basic …");
  const auto is_name = [name](std::string_view field) { return equal_ignoring_case(field, name); };
  if (const auto* found = std::ranges::find_if(fields_of_requests, is_name);
      found != fields_of_requests.end())
    return refuse(where + " is " + std::string(*found) + ", which the request has anyway: leave it out");
  return {};
}

Result<> check_value(std::string_view value, const std::string& where) {
  if (value.empty()) return refuse(where + " has no value: write name=value");
  if (value.contains(','))
    return refuse(where + " has a comma in its value, at which Claude Code would split it: remove it");
  if (!std::ranges::all_of(value, [](char c) { return c >= 0x20 && c < 0x7f; }))
    return refuse(where +
                  " has a control character or one outside ASCII in its value: write printable ASCII");
  return {};
}

Result<Secret> parse_value(std::string_view text, const std::string& where) {
  if (!is_percent_encoded(text))
    return refuse(where + " has a '%' without two hexadecimal digits after it: write %25 for a percent sign");
  std::string room = room_for_secret(text.size());
  append_percent_decoded(room, text);
  const Secret decoded(std::move(room));
  // HTTP and Claude Code ignore spaces and tabs around a value.
  const std::string_view value = trim(decoded.reveal());
  TRY(check_value(value, where));
  std::string trimmed = room_for_secret(value.size());
  trimmed += value;
  return Secret(std::move(trimmed));
}

Result<Header> parse_pair(std::string_view pair, size_t position) {
  // Do not show the name: it may be the rest of a secret that contains a comma.
  const std::string unnamed = "header " + std::to_string(position);
  if (pair.empty()) return refuse(unnamed + " is empty: remove the stray comma");
  const size_t equals = pair.find('=');
  if (equals == std::string_view::npos) return refuse(unnamed + " has no '=': write name=value");
  const std::string_view name = trim(pair.substr(0, equals));
  const std::string_view value = trim(pair.substr(equals + 1));
  TRY(check_name(name, unnamed));
  // A base64 secret without a name ends in '=' and looks like a name without a value.
  if (value.find_first_not_of('=') == std::string_view::npos)
    return refuse(unnamed + " has no value: write name=value");
  return Header{std::string(name), TRY(parse_value(value, unnamed))};
}

}  // namespace

Result<std::vector<Header>> parse_headers(std::string_view text) {
  std::vector<Header> headers;
  for (const std::string_view pair : split_pairs(text)) {
    Header header = TRY(parse_pair(pair, headers.size() + 1));
    const auto has_name = [&](const Header& other) { return equal_ignoring_case(header.name, other.name); };
    if (std::ranges::any_of(headers, has_name))
      return refuse("header " + std::to_string(headers.size() + 1) +
                    " has the name of an earlier one: keep one of them");
    headers.push_back(std::move(header));
  }
  return headers;
}

Result<Header> make_header(std::string name, const Secret& value) {
  if (!is_token(name))
    return refuse("a header's name is not an HTTP header name: write one, as in Authorization");
  TRY(check_name(name, "a header"));
  Secret parsed = TRY(parse_value(value.reveal(), "a header"));
  return Header{std::move(name), std::move(parsed)};
}

Secret encode_headers(std::span<const Header> headers) {
  size_t size = 0;
  for (const Header& header : headers) size += header.name.size() + header.value.reveal().size() + 2;
  std::string list = room_for_secret(size);
  for (const Header& header : headers) {
    if (!list.empty()) list += ',';
    list.append(header.name).append("=").append(header.value.reveal());
  }
  return Secret(std::move(list));
}

Secret escape_for_grpc(const Secret& headers) {
  constexpr size_t encoded_size = 3;
  std::string list = room_for_secret(encoded_size * headers.reveal().size());
  for (const char c : headers.reveal()) {
    if (c == '%')
      list += "%25";
    else if (c == ';')
      list += "%3B";
    else
      list += c;
  }
  return Secret(std::move(list));
}

Secret header_lines(const Secret& headers) {
  constexpr size_t added_to_each = 3;  // ": \r\n" in place of "=" and ","
  std::string lines =
      room_for_secret(headers.reveal().size() +
                      added_to_each * (1 + static_cast<size_t>(std::ranges::count(headers.reveal(), ','))));
  for (std::string_view rest = headers.reveal(); !rest.empty();) {
    std::string_view value = take_until(rest, ',');
    const std::string_view name = take_until(value, '=');
    lines.append(name).append(": ").append(value).append("\r\n");
  }
  return Secret(std::move(lines));
}

Secret basic_authorization(std::string_view user, const Secret& password) {
  constexpr std::string_view scheme = "Basic ";
  std::string room = room_for_secret(user.size() + 1 + password.reveal().size());
  room.append(user).append(":").append(password.reveal());
  const Secret credentials(std::move(room));
  std::string value = room_for_secret(scheme.size() + base64_size(credentials.reveal().size()));
  value += scheme;
  append_base64(value, credentials.reveal());
  return Secret(std::move(value));
}

}  // namespace ostiary::telemetry
