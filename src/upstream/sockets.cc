#include "ostiary/upstream/sockets.h"

#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>

namespace ostiary::upstream {
namespace {

bool set_mark(const UniqueFd& socket, uint32_t mark) {
  return ::setsockopt(socket.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0;
}

Result<> check_that_sockets_can_be_marked(uint32_t mark) {
  const UniqueFd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!socket.valid()) return std::unexpected(Error::system("socket", Exit::unavailable));
  if (set_mark(socket, mark)) return {};
  return std::unexpected(Error::system(
      "cannot mark the packets to the upstream servers; give the container --cap-add=NET_ADMIN"));
}

}  // namespace

Result<Sockets> Sockets::create(std::optional<uint32_t> mark, Watcher watcher) {
  if (mark) TRY(check_that_sockets_can_be_marked(*mark));
  return Sockets(mark, watcher);
}

UniqueFd Sockets::make(int family, int type, int protocol) noexcept {
  UniqueFd socket{::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol)};
  if (!socket.valid()) return socket;
  cannot_be_marked_ = mark_ && !set_mark(socket, *mark_);
  if (cannot_be_marked_) return UniqueFd{};
  return socket;
}

UniqueFd Sockets::open_stream(int family, int protocol) noexcept {
  UniqueFd socket = make(family, SOCK_STREAM, protocol);
  const int yes = 1;
  if (socket.valid()) ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return socket;
}

UniqueFd Sockets::open_datagram(int family) noexcept {
  if (std::exchange(family_, family) != family) spare_ = UniqueFd{};
  if (!spare_.valid()) prepare();
  return std::exchange(spare_, UniqueFd{});
}

void Sockets::watch(int socket, uint32_t events) noexcept {
  const uint64_t token = watcher_.token | static_cast<uint32_t>(socket);
  if (!watcher_.epoll.add(socket, events, token)) (void)watcher_.epoll.change(socket, events, token);
}

void Sockets::prepare() noexcept {
  if (family_ == AF_UNSPEC || spare_.valid()) return;
  spare_ = make(family_, SOCK_DGRAM, 0);
  if (spare_.valid()) watch(spare_.get(), EPOLLIN);
}

}  // namespace ostiary::upstream
