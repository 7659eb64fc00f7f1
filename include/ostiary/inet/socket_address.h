// inet/socket_address.h: an address and a port in the kernel's form, sockaddr.
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
  // The local address of a socket, and the address of any. Nothing if it is neither IPv4 nor IPv6.
  static std::optional<IpAddress> local(const UniqueFd& socket);
  static std::optional<IpAddress> address_in(const sockaddr_storage& name);

  int domain() const { return storage_.ss_family; }  // AF_INET or AF_INET6
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace ostiary::inet
