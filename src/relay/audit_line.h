// relay/audit_line.h: a line of the audit (docs/audit.md), read for telemetry.
// - Lines come from the keeper and the gate. A line in another form is no line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/json.h"
#include "ostiary/otlp/write.h"

namespace ostiary::relay {

struct AuditLine {
  uint64_t time = 0;  // in nanoseconds since 1970
  // As in the line; of a denial with its kind: "deny_name".
  std::string event = {};
  Json fields = {};

  // Empty if there is no such text.
  std::string_view text(std::string_view field) const;
};

// `line` may end in a newline.
std::optional<AuditLine> read_audit_line(std::string_view line);

// Denials and tampering are warnings, failures are errors. What the boot's self-test is denied, as it
// should be, is information.
otlp::Severity severity_of(const AuditLine& line);
// One line for a person, without control characters.
std::string sentence_of(const AuditLine& line);
// The fields but time, event and road, with "ostiary." in front of each name.
std::vector<otlp::Field> attributes_of(const AuditLine& line);
// Whether a process of the agent may have caused the event. The agent can cause many.
bool may_be_of_agent(const AuditLine& line);

}  // namespace ostiary::relay
