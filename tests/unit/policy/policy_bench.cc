#include <chrono>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ostiary/policy/parse.h"
#include "ostiary/policy/policy.h"
#include "variables.h"

using namespace ostiary::policy;

namespace {

std::string host(size_t i) {
  return "host-" + std::to_string(i * 7919) + ".region.example.com";
}

// Of every 11 rules, ten are hosts and one is a wildcard.
std::vector<Rule> many_rules(size_t count) {
  std::vector<Rule> rules;
  for (size_t i = 0; i < count; ++i)
    rules.push_back(parse_entry(i % 11 == 10 ? "*.zone-" + std::to_string(i) + ".example.org" : host(i),
                                "test", variables())
                        ->front());
  return rules;
}

// Half of them are allowed, spread over all rules.
std::vector<std::string> questions(size_t rules) {
  std::vector<std::string> names;
  for (size_t i = 0; i < 1000; ++i) {
    const size_t rule = i * 104729 % rules;
    names.push_back(rule % 11 == 10 ? "a.zone-" + std::to_string(rule) + ".example.org" : host(rule));
    names.push_back("x" + std::to_string(rule) + ".unlisted.example.net");
  }
  return names;
}

struct Measured {
  double nanoseconds;
  size_t allowed;
};

Measured measure(const Policy& policy, const std::vector<std::string>& names) {
  constexpr int rounds = 50;
  size_t allowed = 0;
  const auto start = std::chrono::steady_clock::now();
  for (int round = 0; round < rounds; ++round)
    for (const std::string& name : names) allowed += policy.decide(name).verdict == Verdict::allow ? 1 : 0;
  const std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - start;
  const auto decisions = static_cast<double>(names.size()) * rounds;
  return {elapsed.count() / decisions, allowed / rounds};
}

}  // namespace

TEST_SUITE("policy/benchmark") {
  TEST_CASE("a decision costs the same at 11, 1,100 and 110,000 rules") {
    std::vector<double> costs;
    for (const size_t count : {size_t{11}, size_t{1100}, size_t{110000}}) {
      const auto rules = many_rules(count);
      const auto start = std::chrono::steady_clock::now();
      const Policy policy = Policy::compile(rules);
      const std::chrono::duration<double, std::milli> compiled = std::chrono::steady_clock::now() - start;
      const auto names = questions(count);
      const auto [nanoseconds, allowed] = measure(policy, names);
      costs.push_back(nanoseconds);
      CHECK(allowed == names.size() / 2);
      MESSAGE(count, " rules: ", nanoseconds, " ns a decision, compiled in ", compiled.count(), " ms");
    }
    // Checking every rule would take ten thousand times as long.
    CHECK(costs.back() < 100 * costs.front());
  }
}
