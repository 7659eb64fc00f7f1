#include "ostiary/netlink/own_sockets.h"

#include <filesystem>

#include <linux/netlink.h>
#include <sys/socket.h>

#include "ostiary/base/text.h"

namespace ostiary::netlink {
namespace {

bool is_netfilter_socket(int fd) {
  int protocol = 0;
  int domain = 0;
  socklen_t size = sizeof domain;
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_NETLINK) return false;
  size = sizeof protocol;
  return ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 && protocol == NETLINK_NETFILTER;
}

}  // namespace

Result<std::vector<int>> own_sockets() {
  std::vector<int> sockets;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const std::string name = entry.path().filename();
    const auto fd = parse_number<int>(name);
    if (fd && is_netfilter_socket(*fd)) sockets.push_back(*fd);
  }
  if (error) return fail(Exit::unavailable, "/proc/self/fd: " + error.message());
  return sockets;
}

Result<uint32_t> port_of(int socket) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::getsockname(socket, any, &size) == 0 && address.nl_pid == 0)
    (void)::bind(socket, any, size);  // getsockname() below shows whether it worked
  if (::getsockname(socket, any, &size) != 0 || address.nl_pid == 0)
    return std::unexpected(Error::system("cannot get the port id of a netlink socket", Exit::unavailable));
  return address.nl_pid;
}

}  // namespace ostiary::netlink
