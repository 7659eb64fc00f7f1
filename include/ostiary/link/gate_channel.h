// link/gate_channel.h: the gate's end of the channel: the messages between keeper and gate as records,
// and the names of the descriptors that a gate inherits.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/keeper/channel.h"
#include "ostiary/link/gate.h"

namespace ostiary::gate {

// The descriptors that a gate inherits beside the channel.
namespace fd_name {
inline constexpr std::string_view udp4 = "udp4";
inline constexpr std::string_view udp6 = "udp6";
inline constexpr std::string_view tcp4 = "tcp4";
inline constexpr std::string_view tcp6 = "tcp6";
inline constexpr std::string_view direct_udp4 = "direct-udp4";
inline constexpr std::string_view direct_udp6 = "direct-udp6";
inline constexpr std::string_view audit = "audit";
inline constexpr std::string_view audit_for_relay = "audit-for-relay";  // link/audit_lines.h
inline constexpr std::string_view wildcard_count = "wildcard-count";
inline constexpr std::string_view relay = "relay";  // link/connections.h
}  // namespace fd_name

// A message from the keeper to the gate.
enum class Command : uint8_t { begin, restore, tested, audit };
inline constexpr std::array every_command{Command::begin, Command::restore, Command::tested, Command::audit};

std::string render_command(Command command);
std::optional<Command> parse_command(std::string_view octets);

// Texts over 1024 octets are cut.
std::string render_message(const Message& message);

struct ReceivedCommand {
  Command command{};
  UniqueFd descriptor = {};  // invalid if the command has none
};
// Waits for a command. Empty at the end of the channel.
Result<std::optional<ReceivedCommand>> receive_command(int channel);

}  // namespace ostiary::gate
