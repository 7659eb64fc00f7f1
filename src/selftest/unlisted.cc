#include "unlisted.h"

#include <algorithm>
#include <array>

namespace ostiary::selftest {
namespace {

using inet::Family;
using inet::IpAddress;

// 443 (HTTPS, QUIC), which a rule most often opens by mistake, and 9 (discard), which hardly any
// rule opens on purpose.
constexpr std::array<uint16_t, 2> ports{443, 9};

std::array<IpAddress, 3> addresses(Family family) {
  if (family == Family::ipv4)
    return {IpAddress::v4({192, 0, 2, 213}), IpAddress::v4({198, 51, 100, 213}),
            IpAddress::v4({203, 0, 113, 213})};
  return {IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 213}),
          IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 213}),
          IpAddress::v6({0x3f, 0xff, 0x0f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 213})};
}

bool contains(const nft::AddressRule& rule, const IpAddress& address) {
  if (rule.network.family() != address.family()) return false;
  const auto network = rule.network.octets();
  const auto octets = address.octets();
  for (size_t bit = 0; bit < rule.prefix_length; ++bit) {
    const auto mask = static_cast<uint8_t>(0x80U >> bit % 8);
    if (((network[bit / 8] ^ octets[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

}  // namespace

bool permits(std::span<const nft::AddressRule> permitted, const AddressPort& place, uint8_t protocol) {
  return std::ranges::any_of(permitted, [&](const nft::AddressRule& rule) {
    return rule.protocol == protocol && rule.first_port <= place.port && place.port <= rule.last_port &&
           contains(rule, place.address);
  });
}

std::optional<AddressPort> find_unlisted(Family family, uint8_t protocol,
                                         std::span<const nft::AddressRule> permitted) {
  for (const uint16_t port : ports)
    for (const IpAddress& address : addresses(family))
      if (const AddressPort place{address, port}; !permits(permitted, place, protocol)) return place;
  return std::nullopt;
}

}  // namespace ostiary::selftest
