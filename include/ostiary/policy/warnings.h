// policy/warnings.h: finds risks in valid rules. Pure.
// - A rule covers a known resolver that speaks DNS over HTTPS. Queries to it bypass the gate.
// - The networks of all rules together cover more than a sixteenth of the IPv4 or IPv6 internet.
// - A wildcard covers names that a provider gives to its customers (github.io).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ostiary/policy/rule.h"

namespace ostiary::policy {

// One line for each warning, in the order above.
std::vector<std::string> find_warnings(std::span<const Rule> rules);

}  // namespace ostiary::policy
