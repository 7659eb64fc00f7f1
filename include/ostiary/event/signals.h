// event/signals.h: signals as a stream to read instead of handlers that interrupt.
// From create() on, every signal that can be is blocked in this process, and waits here. Faults of our own
// (SIGSEGV and its like) stay fatal.
#pragma once

#include <initializer_list>
#include <optional>

#include <signal.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/deadline.h"

namespace ostiary::event {

struct Signal {
  int number = 0;
};

// Every signal does what it does by default: whoever started us may have had some ignored, and an ignored
// SIGCHLD would hide every child's end.
Result<> reset_dispositions();

class Signals {
 public:
  // Resets the dispositions too.
  static Result<Signals> create();

  // Of those alone, which are blocked already; the others wait where they are.
  static Result<Signals> only(std::initializer_list<int> numbers);

  // The next signal that waits, or comes before the deadline; or nothing.
  Result<std::optional<Signal>> next(Deadline deadline);

  // Readable when a signal waits.
  int fd() const { return fd_.get(); }

 private:
  static Result<Signals> of(const sigset_t& set);
  Signals(const sigset_t& set, UniqueFd fd) : set_(set), fd_(std::move(fd)) {}

  sigset_t set_;
  UniqueFd fd_;
};

}  // namespace ostiary::event
