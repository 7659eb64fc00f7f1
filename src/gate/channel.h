// gate/channel.h: the messages between keeper and gate, one per datagram, and the numbers of the
// descriptors that a gate inherits.
#pragma once

#include <optional>
#include <string>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/gate/launch.h"

namespace ostiary::gate {

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
enum class Command : uint8_t { begin = 'b', restore = 'r', tested = 't', audit = 'a' };

std::string render_message(const Message& message);
std::optional<Message> parse_message(std::string_view octets);

// Waits for a datagram. Empty at the end of the channel.
Result<std::optional<std::string>> receive(int channel);
Result<> send(int channel, std::string_view octets);

// Sends a command with a descriptor. Does not block.
Result<> send(int channel, char command, int descriptor);
struct ReceivedCommand {
  Command command{};
  UniqueFd descriptor = {};  // invalid if the command has none
};
// Waits for a command. Empty at the end of the channel.
Result<std::optional<ReceivedCommand>> receive_command(int channel);

}  // namespace ostiary::gate
