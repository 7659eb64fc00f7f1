// keeper/terminal.h: the controlling terminal and its foreground process group.
// - The agent has a process group of its own, which the keeper puts in the foreground. Ctrl-C and
//   Ctrl-Z then reach the agent and not the keeper.
#pragma once

#include <cstdint>

#include <sys/types.h>

#include "ostiary/base/unique_fd.h"

namespace ostiary::keeper {

class Terminal {
 public:
  // Our controlling terminal. Without one, no group is in the foreground.
  static Terminal find();

  bool is_ours() const;  // our own process group is in the foreground
  bool belongs_to(pid_t group) const;
  void give_to(pid_t group) const;  // does nothing without a terminal

 private:
  UniqueFd fd_;
};

// Whether a shell started us, to which the keeper can pass a stop. `no`: our process group is the
// session's first, so there is no such shell.
enum class Resumable : uint8_t { no, yes };
Resumable resumable();

}  // namespace ostiary::keeper
