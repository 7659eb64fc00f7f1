#include "ostiary/netlink/message.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

namespace ostiary::netlink {
namespace {

constexpr size_t align(size_t length) {
  return (length + 3) & ~size_t{3};
}

template <typename T>
std::optional<T> load(std::span<const uint8_t> bytes) {
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value{};
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

template <typename T>
std::optional<T> load_big_endian(std::span<const uint8_t> bytes) {
  if (bytes.size() != sizeof(T)) return std::nullopt;
  T value = 0;
  for (const uint8_t byte : bytes) value = static_cast<T>(value << 8U | byte);
  return value;
}

}  // namespace

std::optional<uint16_t> Attribute::be16() const {
  return load_big_endian<uint16_t>(payload);
}

std::optional<uint32_t> Attribute::be32() const {
  return load_big_endian<uint32_t>(payload);
}

std::string_view Attribute::text() const {
  const auto end = std::ranges::find(payload, uint8_t{0});
  // The aliasing rules let a char pointer read any object.
  return {reinterpret_cast<const char*>(payload.data()), static_cast<size_t>(end - payload.begin())};
}

std::optional<Message> next_message(std::span<const uint8_t>& rest) {
  const auto header = load<nlmsghdr>(rest);
  if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > rest.size()) return std::nullopt;
  const Message message{header->nlmsg_type, header->nlmsg_flags, header->nlmsg_seq, header->nlmsg_pid,
                        rest.subspan(sizeof(nlmsghdr), header->nlmsg_len - sizeof(nlmsghdr))};
  rest = rest.subspan(std::min(align(header->nlmsg_len), rest.size()));
  return message;
}

std::optional<Attribute> next_attribute(std::span<const uint8_t>& rest) {
  const auto header = load<nlattr>(rest);
  if (!header || header->nla_len < sizeof(nlattr) || header->nla_len > rest.size()) return std::nullopt;
  const Attribute attribute{static_cast<uint16_t>(header->nla_type & NLA_TYPE_MASK),
                            rest.subspan(sizeof(nlattr), header->nla_len - sizeof(nlattr))};
  rest = rest.subspan(std::min(align(header->nla_len), rest.size()));
  return attribute;
}

std::optional<Attribute> find_attribute(std::span<const uint8_t> attributes, uint16_t type) {
  while (const auto attribute = next_attribute(attributes))
    if (attribute->type == type) return attribute;
  return std::nullopt;
}

std::optional<int> acknowledged(const Message& message) {
  constexpr int32_t greatest = 4095;  // the kernel's MAX_ERRNO
  const auto code = message.type == NLMSG_ERROR ? load<int32_t>(message.payload) : std::nullopt;
  if (!code) return std::nullopt;
  return *code <= 0 && *code >= -greatest ? -*code : EPROTO;
}

std::optional<NetfilterHeader> netfilter_header(const Message& message) {
  const auto header = load<nfgenmsg>(message.payload);
  if (!header) return std::nullopt;
  const auto resource = load_big_endian<uint16_t>(message.payload.subspan(2, 2));
  return NetfilterHeader{header->nfgen_family, *resource, message.payload.subspan(sizeof(nfgenmsg))};
}

}  // namespace ostiary::netlink
