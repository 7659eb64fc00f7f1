#include "ostiary/inet/url.h"

#include <algorithm>

#include "ostiary/base/text.h"

namespace ostiary::inet {
namespace {

constexpr size_t longest_url = 2048;

Result<> check_characters(std::string_view text) {
  if (text.size() > longest_url) return fail(Exit::configuration, "is longer than 2048 characters");
  if (!std::ranges::all_of(text, is_graphic))
    return fail(Exit::configuration,
                "has a space, a control character or a letter that is not ASCII; take it out");
  if (text.contains('#')) return fail(Exit::configuration, "has a fragment; leave out everything from # on");
  if (text.contains('\\')) return fail(Exit::configuration, "has a backslash; write /");
  return {};
}

std::string describe(const AuthorityError& error) {
  switch (error.fault) {
    case AuthorityFault::no_host:
      return "has no host; write https://HOST";
    case AuthorityFault::host:
      return "has a host that " + error.reason;
    case AuthorityFault::no_closing_bracket:
      return "has a [ without its ]; write https://[2001:db8::1]";
    case AuthorityFault::not_ipv6:
      return "has brackets around text that is not an IPv6 address; write https://[2001:db8::1]";
    case AuthorityFault::text_after_bracket:
      return "has text between its host and its port; write https://HOST:PORT";
    case AuthorityFault::no_port:
    case AuthorityFault::port:
      return "has a port that " + error.reason;
  }
  return {};
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

std::string authority(Scheme scheme, const Destination& destination) {
  if (destination.port != default_port(scheme)) return text(destination);
  const std::string host = text(destination.host);
  return host.contains(':') ? "[" + host + "]" : host;
}

std::optional<std::string_view> take_scheme(std::string_view& url) {
  const size_t end = url.find("://");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view scheme = url.substr(0, end);
  url.remove_prefix(end + 3);
  return scheme;
}

std::expected<Authority, AuthorityError> parse_authority(std::string_view text) {
  const auto refuse = [](AuthorityFault fault, std::string reason = {}) {
    return std::unexpected(AuthorityError{fault, std::move(reason)});
  };
  const bool bracketed = text.starts_with('[');
  const size_t end = bracketed ? text.find(']') : std::min(text.find(':'), text.size());
  if (end == std::string_view::npos) return refuse(AuthorityFault::no_closing_bracket);
  const std::string_view host_text = bracketed ? text.substr(1, end - 1) : text.substr(0, end);
  const std::string_view rest = text.substr(bracketed ? end + 1 : end);
  auto host = parse_host(host_text);
  if (bracketed && (!host || !host_text.contains(':'))) return refuse(AuthorityFault::not_ipv6);
  if (host_text.empty()) return refuse(AuthorityFault::no_host);
  if (!host) return refuse(AuthorityFault::host, std::move(host).error().message);
  if (rest.empty()) return Authority{*std::move(host), std::nullopt};
  if (!rest.starts_with(':')) return refuse(AuthorityFault::text_after_bracket);
  const auto port = parse_port(rest.substr(1));
  if (!port)
    return refuse(rest == ":" ? AuthorityFault::no_port : AuthorityFault::port, port.error().message);
  return Authority{*std::move(host), *port};
}

Result<Url> Url::parse(std::string_view text) {
  if (text.empty()) return fail(Exit::configuration, "is empty; write https://HOST");
  TRY(check_characters(text));
  const auto scheme = parse_scheme(take_scheme(text).value_or(std::string_view()));
  if (!scheme) return fail(Exit::configuration, "has no http:// or https:// in front; write https://HOST");
  const std::string_view written = text.substr(0, text.find_first_of("/?"));
  if (written.contains('@'))
    return fail(Exit::configuration, "has a user name or password in front of its host; leave them out");
  auto authority = parse_authority(written);
  if (!authority) return fail(Exit::configuration, describe(authority.error()));
  return Url{*scheme,
             {std::move(authority->host), authority->port.value_or(default_port(*scheme))},
             std::string(text.substr(written.size()))};
}

}  // namespace ostiary::inet
