// keeper/launch.h: starts the process of a helper.
// - A memory file with a fixed number tells the process the other descriptors, by name and number,
//   and its setup.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "ostiary/base/result.h"
#include "ostiary/keeper/helper.h"

namespace ostiary::keeper {

// The number of the memory file's descriptor. The others follow it.
inline constexpr int start_record_fd = 3;

struct StartRecord {
  struct Entry {
    std::string name;
    uint32_t number = 0;  // 0: the keeper has none
  };
  std::vector<Entry> descriptors;
  std::string setup;
};
std::string render_start_record(const StartRecord& record);
Result<StartRecord> parse_start_record(std::string_view octets);

struct Launch {
  const char* process_name;
  HelperMain run;  // for StartMode::fork
  int file;        // for StartMode::exec; -1: our own
  StartMode mode;
};
// Forks a process that executes the file, or calls run() itself. The process has the memory file,
// the descriptors of the start, and no other above 2.
Result<pid_t> launch(const Launch& process, const Start& start, int channel);

}  // namespace ostiary::keeper
