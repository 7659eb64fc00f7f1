// gate/channel.h: the messages between keeper and gate as records, and the numbers of the
// descriptors that a gate inherits.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/gate/launch.h"
#include "ostiary/keeper/channel.h"

namespace ostiary::gate {

using keeper::send;

// A number without a descriptor is closed.
namespace inherited {
inline constexpr int setup = 3;
inline constexpr int channel = 4;
inline constexpr int udp4 = 5;
inline constexpr int udp6 = 6;
inline constexpr int tcp4 = 7;
inline constexpr int tcp6 = 8;
inline constexpr int direct_udp4 = 9;
inline constexpr int direct_udp6 = 10;
inline constexpr int audit = 11;
inline constexpr int wildcard_count = 12;
inline constexpr int last = wildcard_count;
}  // namespace inherited

// A message from the keeper to the gate.
enum class Command : uint8_t { begin, restore, tested, audit };
inline constexpr std::array every_command{Command::begin, Command::restore, Command::tested, Command::audit};

std::string render_command(Command command);
std::optional<Command> parse_command(std::string_view octets);

// Texts over 1024 octets are cut.
std::string render_message(const Message& message);
std::optional<Message> parse_message(std::string_view octets);

struct ReceivedCommand {
  Command command{};
  UniqueFd descriptor = {};  // invalid if the command has none
};
// Waits for a command. Empty at the end of the channel.
Result<std::optional<ReceivedCommand>> receive_command(int channel);

}  // namespace ostiary::gate
