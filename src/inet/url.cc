#include "ostiary/inet/url.h"

#include <algorithm>

#include "ostiary/base/text.h"

namespace ostiary::inet {
namespace {

constexpr size_t longest_url = 2048;

Result<Scheme> take_scheme(std::string_view& text) {
  const size_t end = text.find("://");
  const auto scheme = parse_scheme(text.substr(0, end == std::string_view::npos ? 0 : end));
  if (!scheme) return fail(Exit::configuration, "has no http:// or https:// in front; write https://HOST");
  text.remove_prefix(end + 3);
  return *scheme;
}

Result<> check_characters(std::string_view text) {
  if (text.size() > longest_url) return fail(Exit::configuration, "is longer than 2048 characters");
  if (!std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; }))
    return fail(Exit::configuration,
                "has a space, a control character or a letter that is not ASCII; take it out");
  if (text.contains('#')) return fail(Exit::configuration, "has a fragment; leave out everything from # on");
  if (text.contains('\\')) return fail(Exit::configuration, "has a backslash; write /");
  return {};
}

struct HostAndPort {
  std::string_view host;
  std::string_view port;
  bool has_port = false;
};

Result<HostAndPort> split_authority(std::string_view authority) {
  const bool bracketed = authority.starts_with('[');
  const size_t host_end = bracketed ? authority.find(']') : authority.find(':');
  if (bracketed && host_end == std::string_view::npos)
    return fail(Exit::configuration, "has a [ without its ]; write https://[2001:db8::1]");
  const std::string_view host = authority.substr(bracketed ? 1 : 0, bracketed ? host_end - 1 : host_end);
  const std::string_view rest =
      host_end == std::string_view::npos ? "" : authority.substr(host_end + (bracketed ? 1 : 0));
  if (rest.empty()) return HostAndPort{host, {}, false};
  if (!rest.starts_with(':'))
    return fail(Exit::configuration, "has text between its host and its port; write https://HOST:PORT");
  return HostAndPort{host, rest.substr(1), true};
}

Result<Host> read_host(std::string_view text, std::string_view authority) {
  if (text.empty()) return fail(Exit::configuration, "has no host; write https://HOST");
  auto host = parse_host(text);
  if (!host) return fail(Exit::configuration, "has a host that " + host.error().message);
  const auto* address = std::get_if<IpAddress>(&*host);
  if (authority.starts_with('[') != text.contains(':') || (authority.starts_with('[') && address == nullptr))
    return fail(Exit::configuration,
                "has brackets around text that is not an IPv6 address; write https://[2001:db8::1]");
  return host;
}

}  // namespace

std::string_view text(Scheme scheme) {
  return scheme == Scheme::https ? "https" : "http";
}

std::optional<Scheme> parse_scheme(std::string_view text) {
  for (const Scheme scheme : {Scheme::http, Scheme::https})
    if (equal_ignoring_case(text, inet::text(scheme))) return scheme;
  return std::nullopt;
}

uint16_t default_port(Scheme scheme) {
  return scheme == Scheme::https ? 443 : 80;
}

Result<Url> Url::parse(std::string_view text) {
  if (text.empty()) return fail(Exit::configuration, "is empty; write https://HOST");
  TRY(check_characters(text));
  const Scheme scheme = TRY(take_scheme(text));
  const std::string_view authority = text.substr(0, text.find_first_of("/?"));
  const std::string_view rest = text.substr(authority.size());
  if (authority.contains('@'))
    return fail(Exit::configuration, "has a user name or password in front of its host; leave them out");
  const auto [host_text, port_text, has_port] = TRY(split_authority(authority));
  Host host = TRY(read_host(host_text, authority));
  uint16_t port = default_port(scheme);
  if (has_port) {
    const auto read = parse_port(port_text);
    if (!read) return fail(Exit::configuration, "has a port that " + read.error().message);
    port = *read;
  }
  return Url{scheme, {std::move(host), port}, std::string(rest)};
}

}  // namespace ostiary::inet
