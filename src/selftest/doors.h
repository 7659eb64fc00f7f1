// doors.h: Unix sockets of other processes. What a service does for the agent, no rule of packets sees: start
// a container, look up a name, send a line of log to another machine. So one that lets the agent in is an
// escape, unless it is waived by name.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "finding.h"
#include "ostiary/selftest/socket_name.h"

namespace ostiary::selftest {

struct Doors {
  std::vector<SocketName> names;
  std::vector<std::string> cut_short;  // places with more in them than was looked at
  std::optional<std::string> failure;  // why the kernel's list could not be read
  bool has_closed_directories = false;
};

// The sockets that the kernel lists for this network namespace, and those that lie in the file system where
// services put theirs, on a mount, or in this home.
Doors find_doors(const std::string& home);

// By the agent: connects to each, and closes the connection at once. Where the keeper may not look everywhere
// (without CAP_DAC_OVERRIDE), the agent looks as well.
Finding try_doors(const Doors& by_keeper, const std::string& home, std::span<const SocketWaiver> waivers);

}  // namespace ostiary::selftest
