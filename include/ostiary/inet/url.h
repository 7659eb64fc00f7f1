// inet/url.h: what a URL says about where to connect.
// http or https, a host, a port and the rest. User names, passwords, fragments, spaces and control characters
// are refused, and no error repeats any part of the text: a URL may hold a secret.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ostiary/inet/destination.h"

namespace ostiary::inet {

enum class Scheme : uint8_t { http, https };

struct Url {
  Scheme scheme;
  Destination destination;  // the scheme's port (80, 443) where the URL names none
  std::string path;         // "" or from the first slash or question mark on, as written

  static Result<Url> parse(std::string_view text);
};

}  // namespace ostiary::inet
