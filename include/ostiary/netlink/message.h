// netlink/message.h: reads netlink messages and attributes from bytes.
// A length that does not fit ends the reading. Every returned span lies within the input.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace ostiary::netlink {

struct Message {
  uint16_t type = 0;
  uint16_t flags = 0;
  uint32_t sequence = 0;
  uint32_t port = 0;  // in a notification: the port of the socket whose request caused it
  std::span<const uint8_t> payload;
};

struct Attribute {
  uint16_t type = 0;  // without the flags for nesting and byte order
  std::span<const uint8_t> payload;

  // Empty if the payload has a different size.
  std::optional<uint16_t> be16() const;
  std::optional<uint32_t> be32() const;
  // The payload up to the first NUL or the end.
  std::string_view text() const;
};

// Returns the first message or attribute of `rest` and removes it from `rest`. Returns nothing at
// the end, or if the bytes are malformed.
std::optional<Message> next_message(std::span<const uint8_t>& rest);
std::optional<Attribute> next_attribute(std::span<const uint8_t>& rest);

// The first attribute of that type, if there is one.
std::optional<Attribute> find_attribute(std::span<const uint8_t> attributes, uint16_t type);

// Returns the errno of an acknowledgement, 0 for success. Returns EPROTO for a code that no kernel
// sends, and nothing if the message is not an acknowledgement.
std::optional<int> acknowledged(const Message& message);

// The start of every nfnetlink message.
struct NetfilterHeader {
  uint8_t family = 0;
  uint16_t resource = 0;
  std::span<const uint8_t> attributes;
};
std::optional<NetfilterHeader> netfilter_header(const Message& message);

}  // namespace ostiary::netlink
