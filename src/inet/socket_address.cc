#include "ostiary/inet/socket_address.h"

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

}  // namespace ostiary::inet
