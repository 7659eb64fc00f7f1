// keeper/supervisor.h: what PID 1 owes its children.
// It reaps every orphan, passes signals on to the agent's process group, keeps job control working, and lets
// nothing of the agent's outlive it. Outside a container, where something else is PID 1, it is a child
// subreaper.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <sys/types.h>

#include "ostiary/base/result.h"
#include "ostiary/confine/confine.h"
#include "ostiary/event/deadline.h"
#include "ostiary/event/signals.h"
#include "ostiary/keeper/descendants.h"
#include "ostiary/keeper/helper.h"
#include "ostiary/keeper/terminal.h"

namespace ostiary::keeper {

struct Limits {
  std::chrono::seconds grace;                      // from SIGTERM or SIGINT to SIGKILL
  std::optional<std::chrono::seconds> time_limit;  // for the whole run
};

enum class Ending : uint8_t { by_itself, asked_to_end, over_time };

struct Outcome {
  Ending ending = Ending::by_itself;
  int asked_with = 0;  // the signal, where it was asked to end
  int wait_status = 0;
};

// 128 + n for a signal, else the exit status.
int exit_status(int wait_status);

class Supervisor {
 public:
  // Blocks signals, and adopts orphans.
  static Result<Supervisor> create();

  // From now on it is looked after whenever this waits, and is not one of the agent's processes. It outlives
  // this, or is taken away with nullptr.
  void look_after(Helper* ward) { ward_ = ward; }

  // Runs a command, confined, to its end. An error of the ward's has ended it at once.
  Result<Outcome> run(const confine::Identity& identity, const confine::Command& command, Limits limits);

  // TERM to every descendant but the ward's process, and two seconds to end.
  Result<> ask_descendants_to_end();
  // KILL until this process has no child. The kernel says so: unlike a walk of /proc it misses no process
  // that forks and exits. Requires that the ward's process has ended. Children::some: one could not be
  // killed.
  Result<Children> kill_descendants();

 private:
  struct Run {
    pid_t agent;
    Limits limits;
    event::Deadline deadline;
    Outcome outcome;
    std::optional<int> ended;  // the agent's wait status
  };

  Supervisor(event::Signals signals, Terminal terminal)
      : signals_(std::move(signals)), terminal_(std::move(terminal)) {}

  Result<> run_to_end(Run& run);
  // The next signal, or nothing once the deadline has passed.
  Result<std::optional<event::Signal>> wait(event::Deadline deadline);
  pid_t spared() const { return ward_ == nullptr ? 0 : ward_->process(); }
  Result<> on_signal(Run& run, int signal);
  void on_deadline(Run& run);
  void on_stop(const Run& run, int signal);
  void on_continue(const Run& run);
  // Whether there are children, running or stopped, behind those that were reaped.
  Result<Children> reap(Run* run);
  Result<> wait_until_alone(int signal, std::chrono::milliseconds limit);

  event::Signals signals_;
  Terminal terminal_;
  Helper* ward_ = nullptr;
};

}  // namespace ostiary::keeper
