// netlink/message.h: reads netlink messages and attributes out of bytes.
// A length that does not fit ends the reading: what is returned always lies within what was given.
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
  uint32_t port = 0;  // in a notification: the socket whose request caused it
  std::span<const uint8_t> payload;
};

struct Attribute {
  uint16_t type = 0;  // without the nested and byte order flags
  std::span<const uint8_t> payload;

  // Nothing where the payload has another size.
  std::optional<uint16_t> be16() const;
  std::optional<uint32_t> be32() const;
  // Up to the first NUL or the end.
  std::string_view text() const;
};

// The first message or attribute of `rest`, which then begins behind it; nothing at the end or at bytes that
// do not make one.
std::optional<Message> next_message(std::span<const uint8_t>& rest);
std::optional<Attribute> next_attribute(std::span<const uint8_t>& rest);

// The first attribute of that type, if there is one.
std::optional<Attribute> find_attribute(std::span<const uint8_t> attributes, uint16_t type);

// What an acknowledgement says: an errno, 0 for none; EPROTO for what no kernel says. Nothing where the
// message is no acknowledgement.
std::optional<int> acknowledged(const Message& message);

// What every nfnetlink message begins with.
struct NetfilterHeader {
  uint8_t family = 0;
  uint16_t resource = 0;
  std::span<const uint8_t> attributes;
};
std::optional<NetfilterHeader> netfilter_header(const Message& message);

}  // namespace ostiary::netlink
