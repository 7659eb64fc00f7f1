// selftest/doors.h: Unix sockets of other processes.
// A service can act for the agent where no packet rule sees it: start a container, look up a name,
// send a log line to another machine. So a socket that lets the agent connect is an escape, unless
// it is waived by name.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "finding.h"
#include "ostiary/selftest/socket_name.h"
#include "socket_files.h"

namespace ostiary::selftest {

struct Doors {
  std::vector<SocketName> names = {};
  std::vector<SocketName> not_found = {};  // listed sockets whose file is at no known path
  std::vector<CutShort> cut_short = {};
  std::vector<Unread> unread = {};
  std::optional<std::string> failure = {};  // why the kernel's list could not be read
  bool has_closed_directories = false;
};

// The sockets that the kernel lists for this network namespace, and those in the file system: where
// services put theirs, on mounts, and in `home`.
Doors find_doors(const std::string& home);

// Runs as the agent. Connects to each socket, and closes the connection at once. Warns of what
// could not be tried: sockets that were not found, places that the agent may have filled, and
// places that could not be read. `by_agent` is what the agent found, if the keeper could not read
// every directory (without CAP_DAC_OVERRIDE).
Finding try_doors(const Doors& by_keeper, const Doors& by_agent, std::span<const SocketWaiver> waivers);

}  // namespace ostiary::selftest
