// keeper/channel.h: the messages between the keeper and a helper: one record (base/record.h) per
// datagram.
// - The channel ends when one end is closed, or when its process ends.
// - The keeper waits for no helper: one that was stopped reads nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::keeper {

namespace limits {
inline constexpr size_t datagram = 4096;  // octets
}  // namespace limits

// Waits for a datagram. Empty at the end of the channel. A datagram over the limit is cut, and so
// malformed.
Result<std::optional<std::string>> receive(int channel);
// For the keeper: an error if the channel is full.
Result<> send(int channel, std::string_view octets);
// For a helper: waits while the channel is full, so that no message is lost.
Result<> send_to_keeper(int channel, std::string_view octets);

// Like receive() and send(), with a descriptor.
struct Datagram {
  std::string octets;
  UniqueFd descriptor = {};  // invalid if the datagram has none
};
Result<std::optional<Datagram>> receive_with_descriptor(int channel);
Result<> send_with_descriptor(int channel, std::string_view octets, int descriptor);

}  // namespace ostiary::keeper
