// base/processes.h: the processes that the kernel lists in /proc.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "ostiary/base/result.h"

namespace ostiary {

struct Process {
  pid_t id = 0;
  pid_t parent = 0;
  std::array<uid_t, 4> users{};  // real, effective, saved and that of files
  std::string program;           // its name; the kernel escapes a newline
};

// Every process that has not ended. A zombie has, unless only the first of its threads has ended.
Result<std::vector<Process>> live_processes();

// The value of a field of /proc/PID/status, such as "Uid". Nothing if the text has no such field.
// No program's name looks like a field, because the kernel escapes a newline.
std::optional<std::string_view> find_status_field(std::string_view status, std::string_view name);

// From the text of /proc/PID/status. Empty if the process has ended, or the text is not such a
// file's.
std::optional<Process> parse_live_process(pid_t id, std::string_view status);

}  // namespace ostiary
