#include "impostor.h"

#include <cerrno>
#include <cstring>
#include <expected>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "ostiary/base/as_user.h"
#include "ostiary/inet/socket_address.h"
#include "ostiary/link/gate.h"

namespace ostiary::selftest {
namespace {

constexpr int socket_count = 8;

Result<std::vector<UniqueFd>> open_gate_sockets(const inet::SocketAddress& upstream, int type,
                                                uint32_t mark) {
  std::vector<UniqueFd> fds;
  for (int i = 0; i < socket_count; ++i) {
    UniqueFd fd{::socket(upstream.domain(), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd.valid() || ::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0)
      return std::unexpected(Error::system("cannot make a socket with the gate's mark", Exit::unavailable));
    fds.push_back(std::move(fd));
  }
  return fds;
}

std::expected<UniqueFd, int> bind_beside(const inet::SocketAddress& upstream, int type) {
  UniqueFd fd{::socket(upstream.domain(), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  const int on = 1;
  if (!fd.valid() || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
      ::bind(fd.get(), upstream.get(), upstream.size()) != 0 ||
      (type == SOCK_STREAM && ::listen(fd.get(), socket_count) != 0))
    return std::unexpected(errno);
  return fd;
}

// Answers what it receives. Returns the reason to report if no answer reaches the gate's socket.
std::string answer(const UniqueFd& impostor) {
  char octet = 0;
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  auto* const peer = reinterpret_cast<sockaddr*>(&from);
  if (::recvfrom(impostor.get(), &octet, 1, 0, peer, &size) < 0) return std::strerror(errno);
  if (::sendto(impostor.get(), &octet, 1, MSG_NOSIGNAL, peer, size) < 0) return std::strerror(errno);
  return "the answer did not arrive";
}

Finding not_delivered(const std::string& why) {
  return held("the port can be bound, but nothing from there reaches the gate: " + why);
}

}  // namespace

Result<Impostor> Impostor::prepare(const AddressPort& upstream, const Targets& targets) {
  Impostor impostor(upstream, targets.loopback_patience);
  const AsUser of_the_gate(gate::description.user, gate::description.user);
  const inet::SocketAddress address(upstream.address, upstream.port);
  impostor.datagrams_ = TRY(open_gate_sockets(address, SOCK_DGRAM, targets.gate_mark));
  impostor.connections_ = TRY(open_gate_sockets(address, SOCK_STREAM, targets.gate_mark));
  return impostor;
}

bool Impostor::becomes_readable(const UniqueFd& fd) const {
  pollfd waiting{.fd = fd.get(), .events = POLLIN, .revents = 0};
  return ::poll(&waiting, 1, static_cast<int>(patience_.count())) == 1 && (waiting.revents & POLLIN) != 0;
}

Attempt Impostor::answer_datagrams() const {
  std::string name = "an answer to the gate from " + text(upstream_) + " over UDP";
  const inet::SocketAddress upstream(upstream_.address, upstream_.port);
  const auto bound = bind_beside(upstream, SOCK_DGRAM);
  if (!bound) return attempt(std::move(name), held(std::strerror(bound.error())));
  std::string why = "no question arrived there";
  for (const UniqueFd& gate_socket : datagrams_) {
    if (::connect(gate_socket.get(), upstream.get(), upstream.size()) != 0 ||
        ::send(gate_socket.get(), "", 1, MSG_NOSIGNAL) < 0 || !becomes_readable(*bound))
      continue;
    why = answer(*bound);
    char octet = 0;
    if (becomes_readable(gate_socket) && ::recv(gate_socket.get(), &octet, 1, 0) >= 0)
      return attempt(std::move(name),
                     escaped("the agent received a question for the upstream, and its answer arrived"));
  }
  return attempt(std::move(name), not_delivered(why));
}

Attempt Impostor::accept_connections() const {
  std::string name = "an answer to the gate from " + text(upstream_) + " over TCP";
  const inet::SocketAddress upstream(upstream_.address, upstream_.port);
  const auto bound = bind_beside(upstream, SOCK_STREAM);
  if (!bound) return attempt(std::move(name), held(std::strerror(bound.error())));
  for (const UniqueFd& gate_socket : connections_) {
    if (::connect(gate_socket.get(), upstream.get(), upstream.size()) != 0 && errno != EINPROGRESS) continue;
    if (!becomes_readable(*bound)) continue;
    if (const UniqueFd accepted{::accept4(bound->get(), nullptr, nullptr, SOCK_CLOEXEC)}; accepted.valid())
      return attempt(std::move(name), escaped("the agent accepted a connection in the upstream's place"));
  }
  return attempt(std::move(name), not_delivered("no connection opened"));
}

}  // namespace ostiary::selftest
