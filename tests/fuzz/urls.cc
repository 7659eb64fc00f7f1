// The OTLP endpoint, and URLs from which the policy derives hosts. A strict reader of RFC 3986
// finds the same parts in an accepted URL; written and read again, it is the same. An error
// contains no part of the text.
#include <optional>
#include <string>

#include "fuzz.h"
#include "ostiary/inet/url.h"
#include "ostiary/telemetry/endpoint.h"

using namespace ostiary;

namespace {

struct Parts {
  std::string scheme, host, port, rest;
  bool bracketed = false;
};

// RFC 3986, appendix B and 3.2: scheme "://" host [":" port] rest.
Parts take_apart(std::string_view url) {
  Parts parts;
  const size_t colon = url.find("://");
  HOLDS(colon != std::string_view::npos);
  for (const char c : url.substr(0, colon)) parts.scheme += static_cast<char>(c | 0x20);
  url.remove_prefix(colon + 3);
  const size_t end = std::min(url.find_first_of("/?#"), url.size());
  std::string_view authority = url.substr(0, end);
  parts.rest = url.substr(end);
  HOLDS(!authority.contains('@'));
  parts.bracketed = authority.starts_with('[');
  const size_t host_end =
      parts.bracketed ? authority.find(']') + 1 : std::min(authority.find(':'), authority.size());
  const std::string_view host = authority.substr(0, host_end);
  parts.host = parts.bracketed ? host.substr(1, host.size() - 2) : host;
  authority.remove_prefix(host_end);
  if (!authority.empty()) {
    HOLDS(authority.starts_with(':') && authority.size() > 1);
    parts.port = authority.substr(1);
  }
  return parts;
}

void check_destination(const Parts& parts, const inet::Destination& destination, uint16_t implied) {
  HOLDS(destination.port != 0);
  HOLDS(destination.port == (parts.port.empty() ? implied : std::stoi(parts.port)));
  if (parts.bracketed) {
    HOLDS(std::get<inet::IpAddress>(destination.host) == inet::IpAddress::parse(parts.host).value());
    HOLDS(parts.host.contains(':'));
  } else {
    HOLDS(destination.host == inet::parse_host(parts.host).value());
  }
}

// An error contains no part of the text, not even a marker inserted anywhere in it.
template <typename Parse>
void check_error(const Error& error, std::string_view text, Parse parse) {
  HOLDS(fuzz::is_one_line(error));
  constexpr std::string_view canary = "Zx7Qk9";
  for (const size_t place : {text.size(), text.size() / 2, text.size() / 4}) {
    std::string marked(text);
    marked.insert(place, canary);
    const auto parsed = parse(marked);
    if (!parsed)
      HOLDS(!parsed.error().message.contains(canary) && !parsed.error().message.contains("zx7qk9"));
  }
}

void check_endpoint(std::string_view url, telemetry::Protocol protocol, telemetry::EndpointUse use) {
  using namespace telemetry;
  const auto endpoint = parse_endpoint(url, protocol, use);
  if (!endpoint)
    return check_error(endpoint.error(), url,
                       [&](std::string_view other) { return parse_endpoint(other, protocol, use); });
  const Parts parts = take_apart(url);
  HOLDS(parts.scheme == text(endpoint->scheme));
  const uint16_t implied = protocol == Protocol::grpc ? 4317 : parts.scheme == "https" ? 443 : 80;
  check_destination(parts, endpoint->destination, implied);
  HOLDS(endpoint->path == parts.rest);
  HOLDS(endpoint->path.empty() || endpoint->path.starts_with('/'));
  HOLDS(endpoint->path.find_first_of("@?#\\ \"") == std::string::npos);

  const std::string written = text(*endpoint);
  const auto again = parse_endpoint(written, protocol, EndpointUse::signal);
  HOLDS(again && again->scheme == endpoint->scheme && again->destination == endpoint->destination);
  HOLDS(again->path == endpoint->path && text(*again) == written);
  if (use == EndpointUse::signal) return;
  for (const Signal signal : {Signal::traces, Signal::metrics, Signal::logs}) {
    const Endpoint of_signal = signal_endpoint(*endpoint, protocol, signal);
    HOLDS(of_signal.destination == endpoint->destination && of_signal.scheme == endpoint->scheme);
    if (protocol == Protocol::grpc) continue;
    HOLDS(of_signal.path.ends_with("/v1/" + std::string(text(signal))) &&
          !of_signal.path.ends_with("//v1/traces"));
    // A URL of that length may exceed the limit.
    if (written.size() < 2000)
      HOLDS(parse_endpoint(text(of_signal), protocol, EndpointUse::signal).has_value());
  }
}

void check_url(std::string_view text) {
  const auto url = inet::Url::parse(text);
  if (!url) return check_error(url.error(), text, inet::Url::parse);
  const Parts parts = take_apart(text);
  HOLDS(parts.scheme == (url->scheme == inet::Scheme::https ? "https" : "http"));
  check_destination(parts, url->destination, parts.scheme == "https" ? 443 : 80);
  HOLDS(url->path == parts.rest);
  const auto again = inet::Url::parse(parts.scheme + "://" + inet::text(url->destination) + url->path);
  // With its port written out it may exceed the limit.
  if (again) HOLDS(again->destination == url->destination && again->path == url->path);
  HOLDS(again || text.size() > 2000);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace telemetry;
  fuzz::Input input(data, size);
  const uint8_t how = input.octet();
  const std::string_view text = input.rest_as_text();
  constexpr Protocol protocols[] = {Protocol::http_protobuf, Protocol::http_json, Protocol::grpc};
  check_endpoint(text, protocols[how % 3], (how & 4U) != 0 ? EndpointUse::signal : EndpointUse::base);
  check_url(text);
  return 0;
}
