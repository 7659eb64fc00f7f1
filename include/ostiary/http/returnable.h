// http/returnable.h: which header fields of a server's response reach the client.
// - All pass, except those of one connection (RFC 9110, 7.6.1), those that Connection names, the
//   fields that frame the body, and those below.
// - Set-Cookie, Alt-Svc and Strict-Transport-Security tell the client to act towards the server's
//   origin, which is not the one that the client knows.
// - Location does not pass either: the caller decides about redirects.
#pragma once

#include <expected>
#include <span>
#include <vector>

#include "ostiary/http/fault.h"
#include "ostiary/http/field.h"

namespace ostiary::http {

std::expected<std::vector<Field>, Fault> returnable(std::span<const Field> fields);

}  // namespace ostiary::http
