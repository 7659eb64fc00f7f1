// event/signals.h: signals as a stream to read, in place of handlers that interrupt.
// - create() blocks every signal that can be blocked. A blocked signal stays pending until next()
//   returns it.
// - Faults of this process (SIGSEGV and the like) stay unblocked and fatal.
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

// Sets every signal to its default disposition. The parent may have started us with ignored
// signals, and with SIGCHLD ignored we could not wait for our children.
Result<> reset_dispositions();

class Signals {
 public:
  // Also resets the dispositions.
  static Result<Signals> create();

  // A stream of these signals alone. Requires that they are blocked already. Others stay pending.
  static Result<Signals> only(std::initializer_list<int> numbers);

  // Returns the next pending signal, or nothing if the deadline passes first.
  Result<std::optional<Signal>> next(Deadline deadline);

  // Readable while a signal of the stream is pending.
  int fd() const { return fd_.get(); }

 private:
  static Result<Signals> of(const sigset_t& set);
  Signals(const sigset_t& set, UniqueFd fd) : set_(set), fd_(std::move(fd)) {}

  sigset_t set_;
  UniqueFd fd_;
};

}  // namespace ostiary::event
