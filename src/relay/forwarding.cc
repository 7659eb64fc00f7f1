#include "relay/forwarding.h"

#include <algorithm>
#include <optional>

#include "ostiary/base/text.h"
#include "ostiary/http/forwardable.h"
#include "ostiary/http/returnable.h"
#include "ostiary/http/target.h"

namespace ostiary::relay {
namespace {

using http::Framing;

bool matches(const Allowed& allowed, const http::Target& target) {
  return allowed.match == Allowed::Match::exact ? target.is(allowed.path) : target.is_within(allowed.path);
}

bool expects_body(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

// A server that expects no body may take it for the next request.
bool has_unexpected_body(const http::RequestHead& head) {
  const bool has_body = head.framing.kind == Framing::Kind::chunked || head.framing.length > 0;
  return has_body && !expects_body(head.method);
}

std::optional<ApiError> refusal_of(const Forwarding& forwarding, const http::RequestHead& head) {
  if (head.version == http::Version::http_1_0) return ApiError{505, "only HTTP/1.1 is served"};
  const auto target = http::Target::parse(head.target);
  if (!target) return ApiError{404, "the path or its query has a form that is not forwarded"};
  bool has_path = false;
  for (const Allowed& each : forwarding.allowed) {
    if (!matches(each, *target)) continue;
    if (std::ranges::find(each.methods, head.method) != each.methods.end())
      return has_unexpected_body(head) ? std::optional(ApiError{400, "a request of this method has no body"})
                                       : std::nullopt;
    has_path = true;
  }
  if (has_path) return ApiError{403, "the operator does not allow this method for this path"};
  return ApiError{404, "the operator does not allow this path"};
}

std::string framing_line(const http::RequestHead& head) {
  if (head.framing.kind == Framing::Kind::chunked) return "Transfer-Encoding: chunked\r\n";
  if (head.framing.kind == Framing::Kind::none && !expects_body(head.method)) return "";
  return "Content-Length: " + std::to_string(head.framing.length) + "\r\n";
}

void append_fields(std::string& text, const std::vector<http::Field>& fields) {
  for (const http::Field& field : fields) append(text, {field.name, ": ", field.value, "\r\n"});
}

// The path that the client has to ask for, if the location is of the same server.
std::optional<std::string_view> own_path(const Forwarding& forwarding, std::string_view location) {
  const bool is_tls = forwarding.transport == Forwarding::Transport::tls;
  const std::string origin = (is_tls ? "https://" : "http://") + forwarding.authority;
  if (location.starts_with(origin)) location.remove_prefix(origin.size());
  if (!location.starts_with(forwarding.base_path)) return std::nullopt;
  location.remove_prefix(forwarding.base_path.size());
  return http::Target::parse(location) ? std::optional(location) : std::nullopt;
}

// The Location line for the client; empty if there is none.
std::expected<std::string, ApiError> location_line(const Forwarding& forwarding,
                                                   const http::ResponseHead& head) {
  const auto is_location = [](const http::Field& each) { return equal_ignoring_case(each.name, "location"); };
  const auto found = std::ranges::find_if(head.fields, is_location);
  if (found == head.fields.end()) return "";
  const bool is_only = std::ranges::count_if(head.fields, is_location) == 1;
  const auto path = is_only ? own_path(forwarding, found->value) : std::nullopt;
  if (path) return "Location: " + std::string(*path) + "\r\n";
  if (head.status / 100 != 3) return "";
  return std::unexpected(ApiError{502, "the server redirects to another place; redirects are not followed"});
}

// Of a response to HEAD: the length that the body of GET would have.
std::string_view length_without_body(const http::ResponseHead& head) {
  constexpr uint16_t no_content = 204;
  constexpr uint16_t not_modified = 304;
  if (head.framing.kind != Framing::Kind::none || head.status == no_content || head.status == not_modified)
    return "";
  const auto found = std::ranges::find_if(
      head.fields, [](const http::Field& each) { return equal_ignoring_case(each.name, "content-length"); });
  return found == head.fields.end() ? "" : found->value;
}

}  // namespace

std::expected<Secret, ApiError> head_for_server(const Forwarding& forwarding, const http::RequestHead& head) {
  if (auto refusal = refusal_of(forwarding, head)) return std::unexpected(*std::move(refusal));
  const auto fields = http::forwardable(head.fields, forwarding.replaced, forwarding.passing);
  if (!fields)
    return std::unexpected(ApiError{http::status(fields.error()), std::string(http::text(fields.error()))});
  std::string start;
  append(start, {head.method, " ", forwarding.base_path, head.target,
                 " HTTP/1.1\r\nHost: ", forwarding.authority, "\r\n"});
  append_fields(start, *fields);
  start += framing_line(head);
  // Without growth no part of the credentials stays in freed memory.
  std::string whole;
  whole.reserve(start.size() + forwarding.header_lines.reveal().size() + 2);
  append(whole, {start, forwarding.header_lines.reveal(), "\r\n"});
  return Secret(std::move(whole));
}

BodyForm form_for_client(const http::ResponseHead& head) {
  switch (head.framing.kind) {
    case Framing::Kind::none:
      return BodyForm::none;
    case Framing::Kind::length:
      return BodyForm::octets;
    default:
      return BodyForm::chunks;
  }
}

std::expected<std::string, ApiError> head_for_client(const Forwarding& forwarding,
                                                     const http::ResponseHead& head,
                                                     http::Persistence persistence) {
  const auto fields = http::returnable(head.fields);
  if (!fields)
    return std::unexpected(ApiError{502, "the server's answer: " + std::string(http::text(fields.error()))});
  const auto location = location_line(forwarding, head);
  if (!location) return std::unexpected(location.error());
  std::string text = "HTTP/1.1 " + std::to_string(head.status) + " ";
  append(text, {head.reason, "\r\n"});
  append_fields(text, *fields);
  text += *location;
  const BodyForm form = form_for_client(head);
  if (form == BodyForm::chunks) text += "Transfer-Encoding: chunked\r\n";
  if (form == BodyForm::octets)
    append(text, {"Content-Length: ", std::to_string(head.framing.length), "\r\n"});
  if (const std::string_view length = length_without_body(head); !length.empty())
    append(text, {"Content-Length: ", length, "\r\n"});
  if (persistence == http::Persistence::close) text += "Connection: close\r\n";
  return text + "\r\n";
}

}  // namespace ostiary::relay
