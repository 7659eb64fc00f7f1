// http/forwardable.h: which header fields of a client's request reach the server.
// - Removed: hop-by-hop fields (RFC 9110, 7.6.1) and every field that Connection names.
// - Removed: fields that may hold a credential, and those that the caller sets itself.
// - Names are compared in the spelling of resembles(): x_api_key is X-Api-Key.
#pragma once

#include <expected>
#include <span>
#include <string_view>
#include <vector>

#include "ostiary/http/fault.h"
#include "ostiary/http/field.h"

namespace ostiary::http {

// `own` has the names of the fields that the caller sets. Host, Content-Length and
// Transfer-Encoding always count as such. A Connection that names one of them is a fault: a server
// could then remove it.
std::expected<std::vector<Field>, Fault> forwardable(std::span<const Field> fields,
                                                     std::span<const std::string_view> own);

}  // namespace ostiary::http
