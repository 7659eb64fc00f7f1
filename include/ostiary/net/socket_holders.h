// net/socket_holders.h: which processes have a socket open, read from /proc.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <sys/types.h>

namespace ostiary::net {

class Process {
 public:
  explicit Process(std::string directory) : directory_(std::move(directory)) {}

  // The target of a link of the process: "cwd", "root", "fd/3". Empty if it cannot be read.
  std::string link(const std::string& name) const;
  const std::string& directory() const { return directory_; }  // "/proc/123"

 private:
  std::string directory_;
};

enum class Next : uint8_t { go_on, stop };
// Whether every process and descriptor was seen. Without CAP_SYS_PTRACE a process shows its
// descriptors to its own user alone, and some show them to no one. Without /proc, or when the
// caller cannot open a further file, none is seen.
enum class Seen : uint8_t { partly, wholly };

// Calls `take` for each socket that each process has open, the calling process first, until `take`
// stops it.
Seen for_each_open_socket(const std::function<Next(const Process&, uint64_t inode)>& take);

}  // namespace ostiary::net
