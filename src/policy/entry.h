// policy/entry.h: the parts that a written entry and an object in the policy file have in common.
#pragma once

#include <string_view>

#include "ostiary/policy/rule.h"

namespace ostiary::policy {

// "example.com", "*.example.com", "10.0.0.0/8" or "2001:db8::/32", the last one without brackets.
Result<Subject> parse_subject(std::string_view text);
// "tcp", "udp" or "both"
Result<Protocol> parse_protocol(std::string_view text);

}  // namespace ostiary::policy
