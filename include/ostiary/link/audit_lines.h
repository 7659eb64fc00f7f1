// link/audit_lines.h: how lines of the audit reach the relay.
// - The keeper and the gate send the lines that they write to the audit's file, and the relay receives. Each
//   datagram is whole lines, at most audit::limits::octets_at_once.
// - The pair outlives all of its processes: lines of a time without a relay wait in it.
// - A sender never waits. It drops what does not fit, and counts it (audit/journal.h).
// - No datagram comes from elsewhere: the sockets have no name, and no other process gets a descriptor of them.
#pragma once

#include <optional>
#include <string>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::link {

struct AuditPair {
  UniqueFd senders;
  UniqueFd relay;
};
Result<AuditPair> make_audit_pair();

// Empty if none waits.
std::optional<std::string> receive_audit_lines(const UniqueFd& relay);

}  // namespace ostiary::link
