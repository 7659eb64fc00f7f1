// http/forwardable.h: which header fields of a client's request reach the server.
// - Only those of a list pass: what describes the content, the answer that the client accepts, and
//   the client itself. The caller can add names. One that ends in a hyphen stands for all that it begins.
// - Removed even so: fields that may hold a credential, those of one connection (RFC 9110, 7.6.1),
//   those that Connection names, and those that the caller sets itself.
// - Names that are removed are compared in the spelling of resembles(): x_api_key is X-Api-Key.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/http/fault.h"
#include "ostiary/http/field.h"

namespace ostiary::http {

// `own` has the names of the fields that the caller sets. Host, Content-Length and
// Transfer-Encoding always count as such. A Connection that names one of them is a fault: a server
// could then remove it. `more` has names that pass beside those of the list.
std::expected<std::vector<Field>, Fault> forwardable(std::span<const Field> fields,
                                                     std::span<const std::string> own,
                                                     std::span<const std::string> more = {});

// Whether a field of this name reaches the server: it does not frame the message, or belong to one connection.
bool is_end_to_end(std::string_view name);

}  // namespace ostiary::http
