// otlp/reserved.h: whether a request claims a name that is reserved for another sender.
// - A name is claimed as the name of a scope, or as the attribute service.name of a resource.
// - Spellings count that a database or a person could take for the name: only letters and digits of
//   ASCII are compared, without case. "Ostiary", "ostiary " and "osti-ary" claim "ostiary";
//   "ostiary.gate" does not.
#pragma once

#include <optional>
#include <string_view>

namespace ostiary::otlp {

// `request` is an ExportTraceServiceRequest, or that of metrics or logs. `name` has lower-case letters and
// digits alone. Nothing if the request is malformed.
std::optional<bool> claims_name(std::string_view request, std::string_view name);

}  // namespace ostiary::otlp
