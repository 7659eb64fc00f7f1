// inet/url.h: parses a URL into its scheme, host, port and path.
// - The scheme is http or https.
// - User names, passwords, fragments, spaces and control characters are errors.
// - No error repeats a part of the text, because a URL may hold a secret.
#pragma once

#include <cstdint>
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

struct Url {
  Scheme scheme;
  Destination destination;  // with the scheme's port (80 or 443) if the URL has none
  std::string path;         // from the first slash or question mark on, as written; may be empty

  static Result<Url> parse(std::string_view text);
};

}  // namespace ostiary::inet
