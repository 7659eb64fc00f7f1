// telemetry/headers.h: the HTTP headers that go with the telemetry, credentials among them.
// A Header's name is an HTTP token; its value is printable ASCII without a comma, not blank, not decoded any
// further. An error names a header by its name or its position, never by its value.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"

namespace ostiary::telemetry {

struct Header {
  std::string name;
  Secret value;
};

// Reads the form of OTEL_EXPORTER_OTLP_HEADERS, "name=value,name2=value2" with values percent-encoded or not.
Result<std::vector<Header>> parse_headers(std::string_view text);

// One header of a map. Its value is read like one in the list above: "Basic%20abc" is "Basic abc".
Result<Header> make_header(std::string name, const Secret& value);

// The list as Claude Code reads it: it splits and trims but does not decode, so a space is a space.
Secret encode_headers(std::span<const Header> headers);

// "Basic …" for an Authorization header. The user must not hold a colon.
Secret basic_authorization(std::string_view user, const Secret& password);

}  // namespace ostiary::telemetry
