// inet/socket_address.h: an address and a port as the kernel takes them.
#pragma once

#include <cstdint>
#include <optional>

#include <sys/socket.h>

#include "ostiary/base/unique_fd.h"
#include "ostiary/inet/ip_address.h"

namespace ostiary::inet {

class SocketAddress {
 public:
  SocketAddress(const IpAddress& address, uint16_t port);
  // The address that a socket sends from; nothing where it is not one of IPv4 or IPv6.
  static std::optional<IpAddress> local(const UniqueFd& socket);

  int domain() const { return storage_.ss_family; }  // AF_INET or AF_INET6
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace ostiary::inet
