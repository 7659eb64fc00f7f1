// selftest/finding.h: the result of an attempt.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ostiary/selftest/selftest.h"

namespace ostiary::selftest {

struct Finding {
  Outcome outcome = Outcome::escaped;
  std::string detail;
  std::vector<std::string> warnings = {};
};

inline Finding escaped(std::string detail) {
  return {Outcome::escaped, std::move(detail)};
}
inline Finding held(std::string detail) {
  return {Outcome::held, std::move(detail)};
}
inline Finding not_applicable(std::string detail) {
  return {Outcome::not_applicable, std::move(detail)};
}

inline Finding unanswered(std::string detail) {
  return {Outcome::unanswered, std::move(detail)};
}

inline Attempt attempt(std::string name, Finding finding) {
  return {std::move(name), finding.outcome, std::move(finding.detail), std::move(finding.warnings)};
}

}  // namespace ostiary::selftest
