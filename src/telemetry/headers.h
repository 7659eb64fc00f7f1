// telemetry/headers.h: the HTTP headers of telemetry, including credentials.
// - The name of a Header is an HTTP token.
// - The value is printable ASCII without a comma. It is not blank, and it is fully decoded.
// - An error identifies a header by its position or source, and never shows the value.
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

// Reads the form of OTEL_EXPORTER_OTLP_HEADERS, "name=value,name2=value2". Values may be
// percent-encoded.
Result<std::vector<Header>> parse_headers(std::string_view text);

// Makes one header of a map. The value may be percent-encoded: "Basic%20abc" becomes "Basic abc".
Result<Header> make_header(std::string name, const Secret& value);

// Writes the list in the form that Claude Code reads. Claude Code splits and trims it but does not
// decode it, so the values are not encoded.
Secret encode_headers(std::span<const Header> headers);

// The list in the form that Claude Code reads for gRPC: it decodes percent sequences there, and ends a value
// at a semicolon. `headers` is what encode_headers() returns.
Secret escape_for_grpc(const Secret& headers);

// The lines of a request: "name: value\r\n". `headers` is what encode_headers() returns.
Secret header_lines(const Secret& headers);

// The value "Basic …" of an Authorization header. Requires a user without a colon.
Secret basic_authorization(std::string_view user, const Secret& password);

}  // namespace ostiary::telemetry
