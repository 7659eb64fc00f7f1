// link/spool_files.h: the files in the operator's directory in which telemetry waits for its collectors.
// - Only root can read, change or replace them, and no symbolic link is followed.
// - A file's name says for which server it is, over which protocol, at which paths. Another one has another
//   file, so no collector gets the telemetry of another.
// - A file is locked as long as the keeper or a relay has it open.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/link/relay_setup.h"

namespace ostiary::relay {

// Letters, digits, and ".-_". The same at each boot.
std::string spool_name(const CollectorSetup& collector);

struct SpoolFiles {
  std::vector<UniqueFd> files = {};      // of the collectors, in their order
  std::vector<std::string> others = {};  // "NAME (12 KiB)": of other collectors, with telemetry in them
};

// Makes a missing directory, and missing files. An error if another process holds a file's lock for this
// long: the relay of a keeper that was killed has it for a moment.
Result<SpoolFiles> open_spool_files(const std::string& directory, std::span<const CollectorSetup> collectors,
                                    std::chrono::milliseconds time_to_lock = std::chrono::seconds(2));

}  // namespace ostiary::relay
