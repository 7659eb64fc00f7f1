#include "ostiary/inet/prefix.h"

#include <algorithm>

#include "ostiary/base/text.h"

namespace ostiary::inet {
namespace {

constexpr unsigned bits_per_octet = 8;

uint8_t full_length(const IpAddress& address) {
  return address.family() == Family::ipv4 ? 32 : 128;
}

// The bits of an octet that belong to the network.
uint8_t mask(size_t octet, unsigned length) {
  const size_t start = octet * bits_per_octet;
  if (start + bits_per_octet <= length) return 0xff;
  if (start >= length) return 0;
  return static_cast<uint8_t>(0xff00U >> (length - start));
}

template <size_t Size>
std::array<uint8_t, Size> masked(std::span<const uint8_t> octets, unsigned length) {
  std::array<uint8_t, Size> result{};
  for (size_t i = 0; i < Size; ++i) result[i] = octets[i] & mask(i, length);
  return result;
}

template <size_t Size>
std::array<uint8_t, Size> with_bit(std::span<const uint8_t> octets, unsigned bit) {
  auto result = masked<Size>(octets, Size * bits_per_octet);
  result[bit / bits_per_octet] |= static_cast<uint8_t>(0x80U >> (bit % bits_per_octet));
  return result;
}

IpAddress with_bit(const IpAddress& address, unsigned bit) {
  return address.family() == Family::ipv4 ? IpAddress::v4(with_bit<4>(address.octets(), bit))
                                          : IpAddress::v6(with_bit<16>(address.octets(), bit));
}

IpAddress network_of(const IpAddress& address, unsigned length) {
  return address.family() == Family::ipv4 ? IpAddress::v4(masked<4>(address.octets(), length))
                                          : IpAddress::v6(masked<16>(address.octets(), length));
}

}  // namespace

Prefix Prefix::single(const IpAddress& address) {
  return {address, full_length(address)};
}

Prefix Prefix::around(const IpAddress& address, uint8_t length) {
  return {network_of(address, length), length};
}

Result<Prefix> Prefix::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const IpAddress address = TRY(IpAddress::parse(text.substr(0, slash)));
  if (slash == std::string_view::npos) return single(address);
  if (address.family() == Family::ipv4 && text.contains(':'))
    return fail(Exit::configuration,
                "is an IPv4-mapped IPv6 network; write it as " + address.text() + " with an IPv4 length");

  const auto length = parse_number<unsigned>(text.substr(slash + 1));
  if (!length || *length > full_length(address))
    return fail(Exit::configuration,
                "has a prefix length that is not from 0 to " + std::to_string(full_length(address)));

  const Prefix prefix = around(address, static_cast<uint8_t>(*length));
  if (prefix.network_ != address)
    return fail(Exit::configuration, "has bits set after its prefix length; write " + prefix.text() + " or " +
                                         single(address).text());
  return prefix;
}

bool Prefix::contains(const IpAddress& address) const {
  if (address.family() != network_.family()) return false;
  const auto ours = network_.octets();
  const auto theirs = address.octets();
  for (size_t i = 0; i < ours.size(); ++i)
    if ((theirs[i] & mask(i, length_)) != ours[i]) return false;
  return true;
}

std::string Prefix::text() const {
  return network_.text() + "/" + std::to_string(length_);
}

std::pair<Prefix, Prefix> Prefix::halves() const {
  const auto length = static_cast<uint8_t>(length_ + 1);
  return {Prefix(network_, length), Prefix(with_bit(network_, length_), length)};
}

std::vector<Prefix> without(const Prefix& network, std::span<const IpAddress> addresses) {
  std::vector<Prefix> left;
  std::vector<Prefix> waiting{network};  // highest first; back() is the lowest
  while (!waiting.empty()) {
    const Prefix next = waiting.back();
    waiting.pop_back();
    if (std::ranges::none_of(addresses, [&](const IpAddress& each) { return next.contains(each); })) {
      left.push_back(next);
    } else if (next != Prefix::single(next.network())) {
      const auto [lower, upper] = next.halves();
      waiting.push_back(upper);
      waiting.push_back(lower);
    }
  }
  return left;
}

}  // namespace ostiary::inet
