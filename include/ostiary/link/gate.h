// link/gate.h: the gate for the keeper: its description as a helper, its listeners, its start
// (keeper/helper.h) and the messages between the two.
// - The keeper owns the listeners, which outlive a gate: a question that arrives between two gates
//   waits.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/keeper/helper.h"
#include "ostiary/link/gate_setup.h"

namespace ostiary::gate {

// The rules redirect every question to this port, for any destination. The port is not 53, which a
// resolver of the container may hold. It is below the kernel's ephemeral ports.
inline constexpr uint16_t port = 15353;

// The gate as a helper.
inline constexpr keeper::HelperDescription description{.name = "gate",
                                                       .process_name = "ostiary-gate",
                                                       .user = 53053,
                                                       .profile = confine::HelperProfile::gate,
                                                       .max_deaths = 8,
                                                       .while_absent = "nothing new resolves"};

// On 127.0.0.1 and ::1, UDP and TCP.
struct Listeners {
  UniqueFd udp4, udp6, tcp4, tcp6;    // without IPv6 the IPv6 ones are not open
  UniqueFd direct_udp4, direct_udp6;  // at port 53; none if another process has it
};
Result<Listeners> open_listeners();
// Opens the listeners at port 53, to which the agent's resolv.conf leads: all or none. These
// questions then need no redirect, and no other process can bind the port. The error names the
// address and port that another process holds.
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

// Empty if the octets are not a message that a gate sends.
std::optional<Message> parse_message(std::string_view octets);

// The keeper's descriptors, other than the listeners, of which each gate inherits a copy.
struct KeeperFds {
  int audit = -1;            // -1: no audit
  int audit_for_relay = -1;  // the senders' end of link::AuditPair; -1: the relay gets no lines
  int wildcard_count = -1;   // a SharedPage<WildcardCount>
  int relay = -1;            // the gate's end of link::ConnectionPair; -1: no relay
};

// One start of a gate.
keeper::Start prepare_start(const Listeners& listeners, const Setup& setup, KeeperFds theirs);

// Waits for the gate's next message. Empty if the gate's end is closed; an error after the time
// limit.
Result<std::optional<Message>> receive(keeper::Helper& gate, std::chrono::milliseconds limit);

// Lets the gate begin. Before that it sends no question and no answer.
Result<> send_begin(keeper::Helper& gate);
// Another process has emptied the kernel's sets: the gate admits its addresses again.
Result<> send_restore(keeper::Helper& gate);
// The self-test has ended. The gate replies with Message::Kind::tested.
Result<> send_tested(keeper::Helper& gate);
// Passes the audit's next file. Does not block: a gate that misses the file asks again.
Result<> hand_over_audit(keeper::Helper& gate, int file);

}  // namespace ostiary::gate
