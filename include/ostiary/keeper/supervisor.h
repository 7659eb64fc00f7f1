// keeper/supervisor.h: runs the agent's processes, with the duties of PID 1.
// - It adopts and reaps every orphan, as PID 1 or else as a child subreaper.
// - It forwards signals to the agent's process group, and supports job control.
// - No process of the agent outlives kill_descendants().
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <poll.h>
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
  std::chrono::seconds grace;                      // from the first SIGTERM or SIGINT to SIGKILL
  std::optional<std::chrono::seconds> time_limit;  // for the whole run
};

enum class Ending : uint8_t {
  by_itself,
  asked_to_end,  // after SIGTERM or SIGINT
  over_time,     // killed at the time limit
};

struct Outcome {
  Ending ending = Ending::by_itself;
  int asked_with = 0;  // the signal, for Ending::asked_to_end
  int wait_status = 0;
};

// 128 + n if signal n ended the process, else its exit status.
int exit_status(int wait_status);

class Supervisor {
 public:
  // From this call on, signals are blocked and this process adopts orphans.
  static Result<Supervisor> create();

  // Whenever the Supervisor waits, it passes the helper's messages on, and restarts the helper when
  // it has ended. An error from the helper ends the agent. The helper must live until
  // stop_serving().
  void add(Helper& helper) { helpers_.push_back(&helper); }
  // Whenever the Supervisor waits and one of the descriptors is readable, it calls `on_readable`,
  // of which an error ends the agent.
  void watch(std::vector<int> descriptors, std::function<Result<>()> on_readable);
  // Serves no helper and watches no descriptor from now on.
  void stop_serving();

  // First serves helpers and watches: the rules may have been changed. Then runs a confined command
  // until it ends. An error from a helper or a watch kills all descendants except the helpers at
  // once, and is returned.
  Result<Outcome> run(const confine::Identity& identity, const confine::Command& command, Limits limits);

  // Sends SIGTERM to every descendant except the helpers, and waits until they have ended,
  // at most two seconds.
  Result<> ask_descendants_to_end();
  // Sends SIGKILL until the kernel reports that this process has no child; a walk of /proc could
  // miss a process that forks and exits. Requires that the helpers have ended.
  // Children::some: a process could not be killed.
  Result<Children> kill_descendants();

 private:
  struct Run {
    pid_t agent;
    Limits limits;
    event::Deadline deadline;
    event::Deadline give_up = {};  // set when the agent is killed
    Outcome outcome;
    std::optional<int> ended;  // the agent's wait status, if it has ended
  };

  Supervisor(event::Signals signals, Terminal terminal)
      : signals_(std::move(signals)), terminal_(std::move(terminal)) {}

  Result<> run_to_end(Run& run);
  // Waits for the next signal. Empty if the deadline has passed.
  Result<std::optional<event::Signal>> wait(event::Deadline deadline);
  std::vector<pollfd> watched_descriptors() const;
  // Of the helpers and watches, those that are due.
  Result<> serve();
  Result<> serve(std::span<const pollfd> ready);
  event::Deadline next_helper_due() const;
  // Those that run now. They do not count as the agent's.
  std::vector<pid_t> helper_processes() const;
  Result<> on_signal(Run& run, int signal);
  void on_deadline(Run& run);
  void on_stop(const Run& run, int signal);
  void on_continue(const Run& run);
  // Reaps the children that have ended. Returns whether others are left.
  Result<Children> reap(Run* run);
  Result<> end_descendants(int signal, std::chrono::milliseconds limit);

  event::Signals signals_;
  Terminal terminal_;
  struct Watch {
    std::vector<int> descriptors;
    std::function<Result<>()> on_readable;
  };
  std::vector<Watch> watches_;
  std::vector<Helper*> helpers_;
};

}  // namespace ostiary::keeper
