// http/forwardable.h: which header fields of a client's request reach the server.
// - A field of one connection does not pass (RFC 9110, 7.6.1): nor does any that Connection names.
// - A field that may hold a credential does not pass, nor does one that the caller sets itself.
// - Names are compared in the spelling of resembles(): x_api_key is X-Api-Key.
#pragma once

#include <expected>
#include <span>
#include <string_view>
#include <vector>

#include "http/fault.h"
#include "http/field.h"

namespace ostiary::http {

// `own` has the names of the fields that the caller sets. Always among them are Host and those of the
// framing. A Connection that names one of them is a fault: a server could then remove it.
std::expected<std::vector<Field>, Fault> forwardable(std::span<const Field> fields,
                                                     std::span<const std::string_view> own);

}  // namespace ostiary::http
