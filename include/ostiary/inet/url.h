// inet/url.h: parses a URL into its scheme, host, port and path.
// - The scheme is http or https.
// - User names, passwords, fragments, spaces and control characters are errors.
// - No error repeats a part of the text, because a URL may hold a secret.
// A caller with other rules, for an OTLP endpoint or a proxy, uses take_scheme() and
// parse_authority().
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "ostiary/inet/destination.h"

namespace ostiary::inet {

enum class Scheme : uint8_t { http, https };
std::string_view text(Scheme scheme);
// In upper or lower case. Nothing if it is another scheme.
std::optional<Scheme> parse_scheme(std::string_view text);
uint16_t default_port(Scheme scheme);

// For the Host field of a request: "HOST", or with a port that is not the scheme's "HOST:PORT".
std::string authority(Scheme scheme, const Destination& destination);

// Removes the scheme and its "://", and returns the scheme. Nothing if there is no "://".
std::optional<std::string_view> take_scheme(std::string_view& url);

// "HOST", "HOST:PORT", "[IPV6]" or "[IPV6]:PORT".
struct Authority {
  Host host;
  std::optional<uint16_t> port;
};

enum class AuthorityFault : uint8_t {
  no_host,
  host,
  no_closing_bracket,
  not_ipv6,            // between brackets
  text_after_bracket,  // that is not a port
  no_port,             // after the colon
  port,
};

struct AuthorityError {
  AuthorityFault fault;
  std::string reason = {};  // why parse_host() or parse_port() refuses it
};

std::expected<Authority, AuthorityError> parse_authority(std::string_view text);

struct Url {
  Scheme scheme;
  Destination destination;  // with the scheme's port (80 or 443) if the URL has none
  std::string path;         // from the first slash or question mark on, as written; may be empty

  static Result<Url> parse(std::string_view text);
};

}  // namespace ostiary::inet
