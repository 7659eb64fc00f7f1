// keeper/terminal.h: the controlling terminal, and whose turn it is.
// The agent gets a foreground group of its own, so that Ctrl-C and Ctrl-Z reach it and not the keeper.
#pragma once

#include <cstdint>

#include <sys/types.h>

#include "ostiary/base/unique_fd.h"

namespace ostiary::keeper {

class Terminal {
 public:
  // Our controlling terminal; none() where there is none.
  static Terminal find();

  bool is_ours() const;  // our own group is in the foreground
  bool belongs_to(pid_t group) const;
  void give_to(pid_t group) const;  // nothing happens without a terminal

 private:
  UniqueFd fd_;
};

// A stop can be passed on to the shell that started us only if there is one: our group is not the session's
// first.
enum class Resumable : uint8_t { no, yes };
Resumable resumable();

}  // namespace ostiary::keeper
