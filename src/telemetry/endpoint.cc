#include "ostiary/telemetry/endpoint.h"

#include <algorithm>
#include <array>
#include <optional>

#include "ostiary/base/encoding.h"
#include "ostiary/base/text.h"

namespace ostiary::telemetry {
namespace {

constexpr size_t max_url = 2048;
constexpr uint16_t grpc_port = 4317;
constexpr std::array protocols{Protocol::grpc, Protocol::http_json, Protocol::http_protobuf};
constexpr std::array signals{Signal::traces, Signal::metrics, Signal::logs};

std::unexpected<Error> refuse(std::string message) {
  return fail(Exit::configuration, std::move(message));
}

// The path characters of RFC 3986 without '@', which in a mistyped URL ends a password.
bool is_path_character(char c) {
  constexpr std::string_view others = "/-._~!$&'()*+,;=:%";
  return is_letter(c) || is_digit(c) || others.contains(c);
}

std::string_view without_trailing_slashes(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

Result<> check_whole(std::string_view url) {
  if (url.empty()) return refuse("is empty: write a URL, as in https://collector.example:4318");
  if (url.size() > max_url) return refuse("is longer than 2048 characters: write a shorter URL");
  if (url.front() == '"' || url.front() == '\'')
    return refuse("begins with a quotation mark: write the URL without quotes");
  if (!std::ranges::all_of(url, is_graphic))
    return refuse(
        "has a space, a control character or a character outside ASCII: write a URL of plain ASCII "
        "characters");
  if (url.contains('@'))
    return refuse(
        "has an '@': put a user name and password into the headers, not the URL; write %40 for '@' in a "
        "path");
  if (url.contains('#')) return refuse("has a fragment: write the URL without '#' and what follows");
  if (url.contains('?'))
    return refuse("has a query: write the URL without '?' and what follows; keys belong in the headers");
  return {};
}

// Removes "http://" or "https://" from the URL and returns the scheme.
Result<inet::Scheme> take_scheme(std::string_view& url) {
  const auto scheme = inet::take_scheme(url);
  if (!scheme || scheme->empty() || scheme->contains('/'))
    return refuse("has no scheme: write https:// or, for plaintext, http:// in front of the host");
  if (const auto known = inet::parse_scheme(*scheme)) return *known;
  return refuse("has a scheme other than http and https: write https:// or, for plaintext, http://");
}

std::string describe(const inet::AuthorityError& error) {
  switch (error.fault) {
    case inet::AuthorityFault::no_host:
      return "has no host: write one, as in https://collector.example:4318";
    case inet::AuthorityFault::host:
      return "the host " + error.reason +
             ": write a host name or an address, as in https://collector.example:4318";
    case inet::AuthorityFault::no_closing_bracket:
      return "has a '[' without its ']': write IPv6 as [2001:db8::1]";
    case inet::AuthorityFault::not_ipv6:
      return "has brackets around text that is not an IPv6 address: write one, as in "
             "http://[2001:db8::1]:4318";
    case inet::AuthorityFault::no_port:
      return "has a ':' without a port: write a port from 1 to 65535, or no ':'";
    case inet::AuthorityFault::text_after_bracket:
    case inet::AuthorityFault::port:
      return "has text after the host that is not a port from 1 to 65535: write one, as in :4318";
  }
  return {};
}

Result<inet::Authority> parse_authority(std::string_view written) {
  if (!written.starts_with('[') && std::ranges::count(written, ':') > 1)
    return refuse(
        "has more than one ':' after the scheme: write IPv6 in brackets, as in http://[2001:db8::1]:4318");
  auto authority = inet::parse_authority(written);
  if (!authority) return refuse(describe(authority.error()));
  return *std::move(authority);
}

Result<> check_path(std::string_view path, Protocol protocol, EndpointUse use) {
  if (!std::ranges::all_of(path, is_path_character))
    return refuse("has a character in its path that a URL cannot hold: write it percent-encoded");
  if (!is_percent_encoded(path))
    return refuse(
        "has a '%' in its path without two hexadecimal digits after it: write %25 for a percent sign");
  if (protocol == Protocol::grpc || use == EndpointUse::signal) return {};
  for (const Signal signal : signals) {
    const std::string suffix = "/v1/" + std::string(text(signal));
    if (without_trailing_slashes(path).ends_with(suffix))
      return refuse("ends in " + suffix + ", which Claude Code appends itself: write the URL without it");
  }
  return {};
}

}  // namespace

std::string_view text(Protocol protocol) {
  switch (protocol) {
    case Protocol::http_protobuf:
      return "http/protobuf";
    case Protocol::http_json:
      return "http/json";
    case Protocol::grpc:
      return "grpc";
  }
  return {};
}

std::string_view text(Signal signal) {
  switch (signal) {
    case Signal::traces:
      return "traces";
    case Signal::metrics:
      return "metrics";
    case Signal::logs:
      return "logs";
  }
  return {};
}

Result<Protocol> parse_protocol(std::string_view protocol) {
  for (const Protocol candidate : protocols)
    if (protocol == text(candidate)) return candidate;
  if (protocol == "http")
    return refuse("'http' is not a protocol: write http/protobuf (or http/json, or grpc)");
  return refuse("is not a protocol: write grpc, http/json or http/protobuf");
}

Result<Endpoint> parse_endpoint(std::string_view url, Protocol protocol, EndpointUse use) {
  TRY(check_whole(url));
  const inet::Scheme scheme = TRY(take_scheme(url));
  const size_t slash = std::min(url.find('/'), url.size());
  const std::string_view path = url.substr(slash);
  auto authority = TRY(parse_authority(url.substr(0, slash)));
  TRY(check_path(path, protocol, use));
  const uint16_t implied = protocol == Protocol::grpc ? grpc_port : default_port(scheme);
  return Endpoint{.scheme = scheme,
                  .destination = {std::move(authority.host), authority.port.value_or(implied)},
                  .path = std::string(path),
                  .port_form = authority.port ? PortForm::written : PortForm::implied};
}

std::string text(const Endpoint& endpoint) {
  std::string where = inet::text(endpoint.destination);
  if (endpoint.port_form == PortForm::implied && endpoint.destination.port == default_port(endpoint.scheme))
    where.resize(where.rfind(':'));
  return std::string(inet::text(endpoint.scheme)) + "://" + where + endpoint.path;
}

Endpoint signal_endpoint(const Endpoint& base, Protocol protocol, Signal signal) {
  Endpoint endpoint = base;
  if (protocol == Protocol::grpc) return endpoint;
  endpoint.path.resize(without_trailing_slashes(endpoint.path).size());
  endpoint.path.append("/v1/").append(text(signal));
  return endpoint;
}

}  // namespace ostiary::telemetry
