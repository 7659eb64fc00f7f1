// policy/entry.h: parsers that entries and the objects of a policy file share.
#pragma once

#include <string_view>

#include "ostiary/policy/rule.h"

namespace ostiary::policy {

// Reads "example.com", "*.example.com", "10.0.0.0/8" or "2001:db8::/32". IPv6 has no brackets here.
Result<Subject> parse_subject(std::string_view text);
// Reads "tcp", "udp" or "both", in upper or lower case.
Result<Protocol> parse_protocol(std::string_view text);

}  // namespace ostiary::policy
