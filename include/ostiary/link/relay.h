// link/relay.h: the relay for the keeper: its description as a helper, its listeners, its start and the
// messages between the two.
// - The keeper owns the listeners and the spool, which outlive a process of the relay.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/keeper/helper.h"
#include "ostiary/link/relay_setup.h"
#include "ostiary/telemetry/telemetry.h"

namespace ostiary::relay {

// Beside our own file.
inline constexpr const char* file_name = "ostiary-relay";

// The relay as a helper. Its process holds the credentials, and makes the process that serves.
inline constexpr keeper::HelperDescription description{.name = "relay",
                                                       .process_name = "ostiary-relay",
                                                       .user = 53055,
                                                       .profile = confine::HelperProfile::relay,
                                                       .max_deaths = 4,
                                                       .while_absent = "telemetry waits"};

// Beside a root agent, who could have replaced libraries, it never starts again.
constexpr keeper::StartModes start_modes_beside(uid_t agent) {
  return {.first = keeper::StartMode::exec,
          .later = agent == 0 ? keeper::StartMode::never : keeper::StartMode::exec};
}

inline constexpr const char* without_program =
    ", or write --relay off and --api-relay off, and leave out relays";
// Opens the relay's file. The error says how to install it, and `otherwise` what to do instead.
Result<UniqueFd> open_program(std::string_view otherwise = without_program);

// On 127.0.0.1.
Result<UniqueFd> open_listener(uint16_t port = telemetry::relay_port);
// A memory file.
Result<UniqueFd> open_spool();

// A message from the relay to the keeper.
struct Message {
  enum class Kind : uint8_t {
    hello,      // the relay is confined
    delivered,  // telemetry arrives at the collector `text`, for the first time or again
    delayed,    // the collector `text` takes none at present; `reason` is why
    refused,    // the collector `text` refused `number` posts; `reason` is why
    rejected,   // the collector `text` took posts without `number` of their records
    unserved,   // `number` requests for the server `text` were not forwarded; `reason` is why
    left_out,   // `number` points of metrics for the collector `text` could not be summed; `reason` is why
    forgotten,  // `number` sums of metrics for the collector `text` were given up; `reason` is why
    displaced,  // `number` posts were given up, because the spool is full
    recovered,  // `number` posts that an earlier process took wait for the collector `text`
    damaged,    // in `number` octets of the file of the collector `text` there is no whole post
    served,     // the process that served, `number`, ended with the wait status `status`
    drained,    // the reply to Drain: `number` posts were not delivered
    failed,     // the relay ends; `text` and `exit` are the error
  };
  Kind kind{};
  Exit exit = Exit::unavailable;
  uint32_t number = 0;
  uint32_t status = 0;
  std::string text = {};
  std::string reason = {};
};
inline constexpr std::array every_message_kind{
    Message::Kind::hello,     Message::Kind::delivered, Message::Kind::delayed,  Message::Kind::refused,
    Message::Kind::rejected,  Message::Kind::unserved,  Message::Kind::left_out, Message::Kind::forgotten,
    Message::Kind::displaced, Message::Kind::recovered, Message::Kind::damaged,  Message::Kind::served,
    Message::Kind::drained,   Message::Kind::failed};

// Texts over 1024 octets are cut.
std::string render_message(const Message& message);
// Empty if the octets are not a message that a relay sends.
std::optional<Message> parse_message(std::string_view octets);

// What the keeper asks: to deliver what is left within this time, and to say when that is done.
struct Drain {
  std::chrono::milliseconds time_limit{};
};
std::string render_drain(Drain drain);
std::optional<Drain> parse_drain(std::string_view octets);

// The descriptors that a relay inherits beside the channel.
namespace fd_name {
inline constexpr std::string_view credentials = "credentials";
inline constexpr std::string_view listener = "listener";  // of telemetry
inline constexpr std::string_view gate = "gate";          // link/connections.h
inline constexpr std::string_view audit = "audit";        // link/audit_lines.h
// Of the collectors, in their order. At most each signal has one of its own.
inline constexpr std::array<std::string_view, 3> spools{"spool-1", "spool-2", "spool-3"};
// Listeners of the forwards, in their order: of the API, and of the operator's relays.
inline constexpr std::array<std::string_view, 1 + limits::operators_forwards> forwards{
    "forward-1", "forward-2", "forward-3", "forward-4", "forward-5",
    "forward-6", "forward-7", "forward-8", "forward-9"};
}  // namespace fd_name

// The keeper's descriptors of which each relay inherits a copy.
struct KeeperFds {
  int listener = -1;
  int gate = -1;
  int audit = -1;  // the relay's end of link::AuditPair; -1: it gets no lines
  std::array<int, fd_name::spools.size()> spools{-1, -1, -1};
  std::array<int, fd_name::forwards.size()> forwards{-1, -1, -1, -1, -1, -1, -1, -1, -1};
};

// One start of a relay.
Result<keeper::Start> prepare_start(const Setup& setup, const Credentials& credentials, KeeperFds theirs);

}  // namespace ostiary::relay
