#include "ostiary/inet/ip_address.h"

#include <algorithm>

#include <arpa/inet.h>

namespace ostiary::inet {
namespace {

constexpr std::array<uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

IpAddress IpAddress::v4(std::array<uint8_t, 4> octets) {
  IpAddress address;
  std::ranges::copy(octets, address.octets_.begin());
  return address;
}

IpAddress IpAddress::v6(std::array<uint8_t, 16> octets) {
  if (std::ranges::equal(std::span(octets).first(12), mapped_prefix))
    return v4({octets[12], octets[13], octets[14], octets[15]});
  IpAddress address;
  address.family_ = Family::ipv6;
  address.octets_ = octets;
  return address;
}

IpAddress IpAddress::loopback(Family family) {
  if (family == Family::ipv4) return v4({127, 0, 0, 1});
  return v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  const bool whole = terminated.find('\0') == std::string::npos;
  if (std::array<uint8_t, 4> octets{}; whole && inet_pton(AF_INET, terminated.c_str(), octets.data()) == 1)
    return v4(octets);
  if (std::array<uint8_t, 16> octets{}; whole && inet_pton(AF_INET6, terminated.c_str(), octets.data()) == 1)
    return v6(octets);
  return fail(Exit::configuration, "is not an IPv4 or IPv6 address");
}

std::string IpAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  inet_ntop(family_ == Family::ipv4 ? AF_INET : AF_INET6, octets_.data(), buffer.data(), buffer.size());
  return buffer.data();
}

}  // namespace ostiary::inet
