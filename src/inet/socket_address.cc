#include "ostiary/inet/socket_address.h"

#include <array>
#include <cstring>

#include <netinet/in.h>

namespace ostiary::inet {

SocketAddress::SocketAddress(const IpAddress& address, uint16_t port) {
  const auto octets = address.octets();
  if (address.family() == Family::ipv4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, octets.data(), octets.size());
    std::memcpy(&storage_, &v4, size_ = sizeof v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, octets.data(), octets.size());
    std::memcpy(&storage_, &v6, size_ = sizeof v6);
  }
}

std::optional<IpAddress> SocketAddress::local(const UniqueFd& socket) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&name), &size) != 0) return std::nullopt;
  return address_in(name);
}

std::optional<IpAddress> SocketAddress::address_in(const sockaddr_storage& name) {
  if (name.ss_family == AF_INET) {
    std::array<uint8_t, 4> octets{};
    std::memcpy(octets.data(), &reinterpret_cast<const sockaddr_in&>(name).sin_addr, octets.size());
    return IpAddress::v4(octets);
  }
  if (name.ss_family != AF_INET6) return std::nullopt;
  std::array<uint8_t, 16> octets{};
  std::memcpy(octets.data(), &reinterpret_cast<const sockaddr_in6&>(name).sin6_addr, octets.size());
  return IpAddress::v6(octets);
}

}  // namespace ostiary::inet
