// inet/socket_address.h: an address and a port as the kernel takes them.
#pragma once

#include <cstdint>

#include <sys/socket.h>

#include "ostiary/inet/ip_address.h"

namespace ostiary::inet {

class SocketAddress {
 public:
  SocketAddress(const IpAddress& address, uint16_t port);

  int domain() const { return storage_.ss_family; }  // AF_INET or AF_INET6
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace ostiary::inet
