// gate/launch.h: the keeper's end of a gate: its sockets, its process, and the few words between them.
// The gate is a program of its own, started anew from our own file, so that nothing the keeper ever read is
// in its memory. The sockets are the keeper's and outlive it: a question that arrives between two gates
// waits.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/gate/setup.h"

namespace ostiary::gate {

// The rules bring every question here, wherever it was meant to go. Not 53, which a resolver of the
// container's own may hold. Below the ports that the kernel hands out.
inline constexpr uint16_t port = 15353;
// Where the agent's resolv.conf sends its questions. If the gate has this port as well, they need no
// redirect.
inline constexpr uint16_t direct_port = 53;
// Its uid and gid: nobody else's.
inline constexpr uint32_t user = 53053;
inline constexpr const char* program_name = "ostiary-gate";

// On 127.0.0.1 and ::1, UDP and TCP.
struct Listeners {
  UniqueFd udp4, udp6, tcp4, tcp6;    // the IPv6 ones are closed on a kernel without IPv6
  UniqueFd direct_udp4, direct_udp6;  // at `direct_port`; both closed if it is another process's
};
Result<Listeners> open_listeners();
// No other process can bind that port meanwhile: the sockets share it with none. The error names the socket
// that another process holds; then none is opened.
Result<> open_direct(Listeners& listeners);

// What the gate says.
struct Message {
  enum class Kind : uint8_t {
    hello,       // confined; `number` names its netlink socket in what the kernel reports
    admitted,    // `text` is an address that a name of the plan, `reason`, led to
    unresolved,  // `text` is a name of the plan that did not resolve, `reason` why: "did not resolve"
    withheld,    // the same of a name with addresses that its rules do not open
    ready,       // the plan's names are asked for; `number` is how many resolved
    tested,      // what is denied from now on is not the self-test's doing
    full,        // a new file of the audit is due
    failed,      // `text` says why it ends
  };
  Kind kind{};
  uint32_t number = 0;
  std::string text = {};
  std::string reason = {};
};

// How a gate begins. A program started anew has nothing of the keeper's in its memory; but what it is started
// from are files, which an agent that is root could have changed meanwhile. Such an agent can read all the
// keeper read, so there a copy of the keeper's own process gives nothing away, and needs no file.
enum class StartMode : uint8_t { exec, fork };

// Descriptors of the keeper's, beside the listeners, that each gate has a copy of.
struct Inherited {
  int audit = -1;           // may be none
  int wildcard_count = -1;  // a SharedPage<WildcardCount>
};

class Process {
 public:
  static Result<Process> start(const Listeners& listeners, const Setup& setup, Inherited theirs,
                               StartMode mode);

  pid_t pid() const { return pid_; }
  // Readable when it has something to say; at the end of the file, too.
  int fd() const { return channel_.get(); }

  // Waits for the next message; nothing once the gate's end is closed, an error when the time is over.
  Result<std::optional<Message>> receive(std::chrono::milliseconds limit);

  // It may begin: until then it asks and answers nothing.
  Result<> send_begin();
  // The kernel's sets were emptied by somebody else: it admits anew.
  Result<> send_restore();
  // The self-test is over; it answers with Message::Kind::tested.
  Result<> send_tested();
  // The audit goes on in this file. Does not wait: one that does not listen asks again.
  Result<> hand_over_audit(int file);

 private:
  Process(pid_t pid, UniqueFd channel) : pid_(pid), channel_(std::move(channel)) {}
  pid_t pid_;
  UniqueFd channel_;
};

}  // namespace ostiary::gate
