// confine/process_status.h: what the kernel says a process is, read from the text of /proc/<pid>/status.
// A field that is missing or cannot be read is an error: a check that is not made is not passed.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "ostiary/base/result.h"

namespace ostiary::confine {

struct ProcessStatus {
  std::array<uid_t, 4> uids{};  // real, effective, saved, file system
  std::array<gid_t, 4> gids{};
  std::vector<gid_t> groups;  // sorted
  uint64_t blocked_signals = 0;
  uint64_t ignored_signals = 0;
  uint64_t inheritable = 0;
  uint64_t permitted = 0;
  uint64_t effective = 0;
  uint64_t bounding = 0;
  uint64_t ambient = 0;
  uint64_t no_new_privs = 0;
  uint64_t seccomp = 0;  // 2: filtered
  uint64_t seccomp_filters = 0;
};

Result<ProcessStatus> parse_process_status(std::string_view text);

// What the kernel says this process is.
Result<ProcessStatus> own_process_status();

}  // namespace ostiary::confine
