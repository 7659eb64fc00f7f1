// confine/process_status.h: the state of a process, read from the text of /proc/<pid>/status.
// A field that is missing or malformed is an error: a check that cannot be made has not passed.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

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
  uint64_t seccomp = 0;  // 2: filter mode
  uint64_t seccomp_filters = 0;
};

Result<ProcessStatus> parse_process_status(std::string_view text);

// The state of this process. Once open, it can be read under a filter that forbids to open files.
class OwnStatus {
 public:
  static Result<OwnStatus> open();
  Result<ProcessStatus> read() const;

 private:
  explicit OwnStatus(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace ostiary::confine
