// policy/warnings.h: what an operator should know about rules that are in order. Pure.
//   - A rule covers a known resolver that speaks DNS over HTTPS: names asked there pass the gate unseen.
//   - The networks of all rules together cover more than a sixteenth of the internet of their family.
//   - A wildcard covers names that a provider gives to its customers (github.io).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ostiary/policy/rule.h"

namespace ostiary::policy {

// One line each, in the order above.
std::vector<std::string> find_warnings(std::span<const Rule> rules);

}  // namespace ostiary::policy
