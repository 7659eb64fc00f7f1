// keeper/helper.h: a helper is a process of ours beside the agent, such as the gate. The keeper
// starts it from a description, and again when it ends.
// - A helper inherits the descriptors that its start names, and no other (keeper/inherited.h).
// - Keeper and helper communicate over a channel (keeper/channel.h). When the keeper's end closes,
//   the helper ends.
// - A helper has begun when its owner accepts its first message. While the agent runs, the keeper does
//   not block on this; a helper that does not begin in time ends the agent.
// - With StartMode::exec nothing of the keeper is in the arguments, and the environment is empty.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/confine/confine_helper.h"
#include "ostiary/event/deadline.h"
#include "ostiary/keeper/recent.h"

namespace ostiary::keeper {

// How a helper starts.
// - `exec`: anew from a file, its own or ours. Nothing that the keeper read is in its memory.
// - `fork`: as a copy of the keeper's process, which needs no file. It is for a helper that starts
//   beside a root agent, which could have replaced the files of an exec. Such an agent can read
//   everything that the keeper read, so the copy discloses nothing.
// - `never`: its end ends the agent.
enum class StartMode : uint8_t { exec, fork, never };

// Of a helper's first process, and of each later one.
struct StartModes {
  StartMode first = StartMode::exec;
  StartMode later = StartMode::exec;
};
constexpr StartModes start_modes_beside(uid_t agent) {
  return {.first = StartMode::exec, .later = agent == 0 ? StartMode::fork : StartMode::exec};
}

// A descriptor of the keeper, of which the helper inherits a copy. -1: the keeper has none.
struct NamedFd {
  std::string_view name;
  int fd = -1;
};

// One start of a helper.
struct Start {
  std::string setup = {};  // no secret; Inherited::setup() returns it
  std::vector<NamedFd> descriptors = {};
  std::vector<UniqueFd> owned = {};  // those of the descriptors that exist for this start alone
};

inline constexpr std::chrono::milliseconds time_to_begin{5000};

// A kind of helper. The program has one list of them: plan/helpers.h.
struct HelperDescription {
  const char* name;                // for messages and the audit: "gate"
  const char* process_name;        // the only argument of the file when it is executed as the helper
  uint32_t user;                   // its uid and gid; no other process may have them
  confine::HelperProfile profile;  // how the process confines itself
  size_t max_deaths;               // within RecentEvents::window; one more ends the agent
  const char* while_absent;        // for messages: "nothing new resolves"
};

// The main function of a helper's process, which confines itself.
using HelperMain = Result<int> (*)();

// The keeper knows a helper by its description. main() has the functions, and gives them to the keeper, which
// needs them for StartMode::fork.
struct HelperProgram {
  std::string_view name;  // of the description
  HelperMain run;
};
// nullptr if there is none: the helper has a file of its own.
constexpr HelperMain main_of(std::span<const HelperProgram> programs, const HelperDescription& helper) {
  for (const HelperProgram& program : programs)
    if (program.name == helper.name) return program.run;
  return nullptr;
}

// What the owner of a helper does for it.
struct HelperOwner {
  // Called before each start.
  std::function<Result<Start>()> prepare;
  // Called by serve(). An error ends the agent.
  std::function<Result<>(std::string_view message)> on_message;
};

// The events in the life of every helper.
struct HelperEvents {
  // 0 recent deaths: the helper's first process.
  std::function<void(pid_t process, size_t deaths)> on_begun;
  std::function<void(pid_t process, int wait_status)> on_death;
  // The keeper could not start the helper again, for example because no process id is left. This
  // counts as a death.
  std::function<void(const Error& why)> on_failed_restart;
};

class Helper {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // The helper's code: `run` of our own file, or `file`, which is executed.
  struct Code {
    HelperMain run = nullptr;
    UniqueFd file = {};
  };

  Helper(const HelperDescription& description, Code code, StartModes modes, HelperOwner owner,
         HelperEvents events);

  // Starts a process, which has not begun.
  Result<> start();
  // The owner accepts the process's first message.
  void begin();
  bool has_begun() const { return has_begun_; }
  // Closes the channel, and waits for the end of the process. After a second it kills the process.
  void end();

  // 0 if there is none now.
  pid_t process() const { return process_; }
  // Readable when a message waits, and at the end of the channel. -1 if there is no channel.
  int fd() const { return channel_.get(); }

  // Waits for the next message. Empty if the helper's end is closed; an error after the time limit.
  Result<std::optional<std::string>> receive(std::chrono::milliseconds limit);
  Result<> send(std::string_view octets);
  // Does not wait.
  Result<> send_with_descriptor(std::string_view octets, int descriptor);

  // For the Supervisor, which calls serve() when fd() is readable or due() has passed.
  event::Deadline due() const { return event::earlier(restart_due_, begin_due_); }
  // Takes a message, restarts the helper if that is due, and fails if the helper has not begun in
  // time. The agent can make a restart fail, by using up the process ids: the helper has then died
  // once more.
  Result<> serve(Time now);
  // The process has ended, and is reaped.
  Result<> on_end(int wait_status, Time now);

 private:
  bool has_message() const;  // or the channel has ended
  Result<> take_message();
  Error late() const;
  // Decides when the helper starts again. An error if it has died too often.
  Result<> count_death(Time now);

  HelperDescription description_;
  Code code_;
  StartMode next_start_;
  StartMode later_starts_;
  HelperOwner owner_;
  HelperEvents events_;
  pid_t process_ = 0;
  bool has_begun_ = false;
  UniqueFd channel_;
  event::Deadline restart_due_;
  event::Deadline begin_due_;  // of a restart
  RecentEvents deaths_;
};

}  // namespace ostiary::keeper
