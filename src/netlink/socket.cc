#include "ostiary/netlink/socket.h"

#include <filesystem>

#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "ostiary/base/text.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::netlink {
namespace {

int bus_number(Bus bus) {
  switch (bus) {
    case Bus::netfilter:
      return NETLINK_NETFILTER;
    case Bus::socket_diagnosis:
      return NETLINK_SOCK_DIAG;
    case Bus::routing:
      return NETLINK_ROUTE;
  }
  return NETLINK_NETFILTER;
}

Exit exit_for(int error) {
  return error == EPERM || error == EACCES ? Exit::not_permitted : Exit::unavailable;
}

Error refused(std::string_view what) {
  const bool forbidden = errno == EPERM;
  Error error = Error::system(what, exit_for(errno));
  if (forbidden) error.message += "; run the container with --cap-add=NET_ADMIN";
  return error;
}

bool is_netfilter_socket(int fd) {
  int protocol = 0;
  int domain = 0;
  socklen_t size = sizeof domain;
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_NETLINK) return false;
  size = sizeof protocol;
  return ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 && protocol == NETLINK_NETFILTER;
}

}  // namespace

Result<Socket> Socket::open(Bus bus) {
  Handle handle(mnl_socket_open2(bus_number(bus), SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (handle == nullptr && errno == EPROTONOSUPPORT && bus == Bus::netfilter)
    return fail(Exit::unavailable,
                "this kernel has no netfilter; use a kernel with nf_tables (Linux 5.10 or newer)");
  if (handle == nullptr) return std::unexpected(Error::system("netlink socket", exit_for(errno)));
  if (mnl_socket_bind(handle.get(), 0, MNL_SOCKET_AUTOPID) < 0)
    return std::unexpected(Error::system("netlink socket", exit_for(errno)));
  // Keeps error replies small: they do not repeat the request.
  int on = 1;
  mnl_socket_setsockopt(handle.get(), NETLINK_CAP_ACK, &on, sizeof on);
  return Socket(std::move(handle));
}

Result<Socket> Socket::share(int fd) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::getsockname(fd, any, &size) == 0 && address.nl_pid == 0)
    (void)::bind(fd, any, size);  // getsockname() below shows whether it worked
  if (::getsockname(fd, any, &size) != 0 || address.nl_pid == 0)
    return std::unexpected(Error::system("cannot get the port id of a netlink socket", Exit::unavailable));
  UniqueFd copy{::fcntl(fd, F_DUPFD_CLOEXEC, 0)};
  Handle handle(copy.valid() ? mnl_socket_fdopen(copy.get()) : nullptr);
  if (handle == nullptr) return std::unexpected(Error::system("netlink socket", Exit::unavailable));
  (void)copy.release();  // the handle has it
  return Socket(std::move(handle));
}

Result<> Socket::subscribe(int group) {
  if (mnl_socket_setsockopt(handle_.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
    return std::unexpected(refused("netlink notifications"));
  return {};
}

void Socket::set_receive_buffer(int bytes) {
  if (::setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) == 0) return;
  ::setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

Result<> Socket::send(std::span<const uint8_t> bytes) {
  if (mnl_socket_sendto(handle_.get(), bytes.data(), bytes.size()) < 0)
    return std::unexpected(Error::system("netlink send", exit_for(errno)));
  return {};
}

Result<Received> Socket::receive(std::span<uint8_t> buffer) {
  for (;;) {
    sockaddr_nl sender{};
    iovec vector{buffer.data(), buffer.size()};
    msghdr header{};
    header.msg_name = &sender;
    header.msg_namelen = sizeof sender;
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    const ssize_t size = ::recvmsg(fd(), &header, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return Received{};
    if (size < 0 && errno == ENOBUFS) return Received{.kind = Received::Kind::overrun, .data = {}};
    if (size < 0) return std::unexpected(Error::system("netlink receive", exit_for(errno)));
    if (sender.nl_pid != 0) continue;  // sent by another process, not by the kernel
    if ((header.msg_flags & MSG_TRUNC) != 0) return Received{.kind = Received::Kind::overrun, .data = {}};
    return Received{.kind = Received::Kind::data, .data = buffer.first(static_cast<size_t>(size))};
  }
}

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

}  // namespace ostiary::netlink
