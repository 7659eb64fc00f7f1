// gate/launch.h: the keeper's end of the gate: the gate's listeners, its process and the messages
// between the two.
// - The gate executes our own file anew, so nothing that the keeper read is in the gate's memory.
//   StartMode::fork is the exception.
// - The keeper owns the listeners, which outlive a gate: a question that arrives between two gates
//   waits.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/gate/setup.h"

namespace ostiary::gate {

// The rules redirect every question to this port, for any destination. The port is not 53, which a
// resolver of the container may hold. It is below the kernel's ephemeral ports.
inline constexpr uint16_t port = 15353;
// The agent's resolv.conf leads to this port. If the gate has the port too, these questions need no
// redirect.
inline constexpr uint16_t direct_port = 53;
// The gate's uid and gid. No other process may have them.
inline constexpr uint32_t user = 53053;
inline constexpr const char* program_name = "ostiary-gate";

// On 127.0.0.1 and ::1, UDP and TCP.
struct Listeners {
  UniqueFd udp4, udp6, tcp4, tcp6;    // without IPv6 the IPv6 ones are not open
  UniqueFd direct_udp4, direct_udp6;  // at `direct_port`; none if another process has the port
};
Result<Listeners> open_listeners();
// Opens the listeners at `direct_port`, all or none. No other process can then bind the port. The
// error names the address and port that another process holds.
Result<> open_direct(Listeners& listeners);

// A message from the gate to the keeper.
struct Message {
  enum class Kind : uint8_t {
    hello,       // the gate is confined; `number` is the port of its netlink socket
    admitted,    // an address, `text`, is admitted for a name of the plan, `reason`
    unresolved,  // a name of the plan, `text`, did not resolve; `reason` is the cause
    withheld,    // a name of the plan, `text`, has only addresses that no rule allows
    ready,       // the gate has resolved the plan, or given up; `number` of its names have resolved
    tested,      // the reply to send_tested(): the agent causes all later denials
    full,        // the audit needs a new file
    failed,      // the gate ends; `text` and `exit` are the error
  };
  Kind kind{};
  Exit exit = Exit::unavailable;
  uint32_t number = 0;
  std::string text = {};
  std::string reason = {};
};
inline constexpr std::array every_message_kind{
    Message::Kind::hello, Message::Kind::admitted, Message::Kind::unresolved, Message::Kind::withheld,
    Message::Kind::ready, Message::Kind::tested,   Message::Kind::full,       Message::Kind::failed};

// How a gate starts.
// - `exec`: anew from our own file. Nothing that the keeper read is in its memory.
// - `fork`: as a copy of the keeper's process, which needs no file. It is for a gate that starts
//   beside a root agent, which could have replaced the files of an exec. Such an agent can read
//   everything that the keeper read, so the copy discloses nothing.
enum class StartMode : uint8_t { exec, fork };

// The keeper's descriptors, other than the listeners, of which each gate inherits a copy.
struct Inherited {
  int audit = -1;           // -1: no audit
  int wildcard_count = -1;  // a SharedPage<WildcardCount>
};

class Process {
 public:
  static Result<Process> start(const Listeners& listeners, const Setup& setup, Inherited theirs,
                               StartMode mode);

  pid_t pid() const { return pid_; }
  // Readable when a message waits, and at the end of the channel.
  int fd() const { return channel_.get(); }

  // Waits for the next message. Empty if the gate's end is closed; an error after the time limit.
  Result<std::optional<Message>> receive(std::chrono::milliseconds limit);

  // Lets the gate begin. Before that it sends no question and no answer.
  Result<> send_begin();
  // Another process has emptied the kernel's sets: the gate admits its addresses again.
  Result<> send_restore();
  // The self-test has ended. The gate replies with Message::Kind::tested.
  Result<> send_tested();
  // Passes the audit's next file. Does not block: a gate that misses the file asks again.
  Result<> hand_over_audit(int file);

 private:
  Process(pid_t pid, UniqueFd channel) : pid_(pid), channel_(std::move(channel)) {}
  pid_t pid_;
  UniqueFd channel_;
};

}  // namespace ostiary::gate
