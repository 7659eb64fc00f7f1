#include "ostiary/scope/inherited_sockets.h"

#include <array>
#include <string>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "ostiary/base/unique_fd.h"
#include "ostiary/net/network_namespace.h"

namespace ostiary::scope {
namespace {

// A socket whose network the kernel does not show us is another user namespace's.
bool is_of_this_network(int socket) {
  const UniqueFd network{::ioctl(socket, SIOCGSKNS)};
  if (!network.valid()) return false;
  const auto its = net::network_of(network);
  const auto ours = net::own_network();
  return its && ours && *its == *ours;
}

bool passes(int fd, Inheritable inheritable) {
  int family = 0;
  socklen_t size = sizeof family;
  const bool is_socket = ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0;
  if (!is_socket || family == AF_UNIX) return true;
  return inheritable == Inheritable::sockets_of_this_network && (family == AF_INET || family == AF_INET6) &&
         is_of_this_network(fd);
}

}  // namespace

Result<> check_inherited_sockets(Inheritable inheritable) {
  constexpr std::array<std::string_view, 3> names{"standard input", "standard output", "standard error"};
  for (size_t fd = 0; fd < names.size(); ++fd)
    if (!passes(static_cast<int>(fd), inheritable))
      return fail(Exit::unavailable,
                  std::string(names.at(fd)) +
                      " is a network socket. The agent could reconnect it and bypass the rules: put a pipe "
                      "between");
  return {};
}

}  // namespace ostiary::scope
