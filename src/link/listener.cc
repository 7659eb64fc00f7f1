#include "listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "ostiary/inet/socket_address.h"

namespace ostiary::link {
namespace {

constexpr int backlog = 64;

Error bind_error(const inet::IpAddress& address, uint16_t number, std::string_view transport) {
  Error error = Error::system(
      address.text() + " port " + std::to_string(number) + "/" + std::string(transport), Exit::unavailable);
  error.message += ": stop the program that listens there";
  return error;
}

}  // namespace

Result<UniqueFd> open_listener(const Listener& listener) {
  const auto [family, number, type] = listener;
  const bool ipv6 = family == inet::Family::ipv6;
  const auto loopback = inet::IpAddress::loopback(family);
  const inet::SocketAddress name(loopback, number);
  UniqueFd fd{::socket(name.domain(), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd.valid() && errno == EAFNOSUPPORT && ipv6) return UniqueFd{};
  if (!fd.valid()) return std::unexpected(Error::system("socket", Exit::unavailable));
  const int yes = 1;
  if (type == SOCK_STREAM) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  // Its connections inherit this: see event/stream_server.h.
  if (type == SOCK_STREAM) ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (::bind(fd.get(), name.get(), name.size()) != 0) {
    if (errno == EADDRNOTAVAIL && ipv6) return UniqueFd{};  // IPv6 is disabled
    return std::unexpected(bind_error(loopback, number, type == SOCK_STREAM ? "tcp" : "udp"));
  }
  if (type == SOCK_STREAM && ::listen(fd.get(), backlog) != 0)
    return std::unexpected(Error::system("listen", Exit::unavailable));
  return fd;
}

}  // namespace ostiary::link
