// boot/audited.h: an audit in a scratch directory, and the events in it.
#pragma once

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../audit/reading.h"
#include "boot/audit_trail.h"
#include "outcome.h"
#include "scratch.h"

namespace ostiary::boot::testing {

class Audited {
 public:
  explicit Audited(audit::FileBound bound = audit::FileBound::none()) : trail(open(path(), bound)) {}

  std::string path() const { return scratch_.path("audit"); }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& event : events()) names.push_back(event["event"]);
    return names;
  }
  std::vector<nlohmann::json> events() const {
    return audit::testing::read_journal(ostiary::testing::content_of(path())).events;
  }

 private:
  static audit::Journal open(const std::string& path, audit::FileBound bound) {
    auto journal = audit::Journal::to_file(path, bound);
    REQUIRE_MESSAGE(journal, error_of(journal));
    return *std::move(journal);
  }

  ostiary::testing::Scratch scratch_;

 public:
  AuditTrail trail;
};

}  // namespace ostiary::boot::testing
