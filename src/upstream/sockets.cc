#include "ostiary/upstream/sockets.h"

#include <algorithm>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>

namespace ostiary::upstream {
namespace {

bool set_mark(const UniqueFd& socket, uint32_t mark) {
  return ::setsockopt(socket.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0;
}

}  // namespace

Result<> Sockets::can_be_marked(uint32_t mark) {
  const UniqueFd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!socket.valid()) return std::unexpected(Error::system("socket", Exit::unavailable));
  if (set_mark(socket, mark)) return {};
  return std::unexpected(Error::system(
      "cannot mark the packets to the upstream servers; give the container --cap-add=NET_ADMIN"));
}

UniqueFd Sockets::make(int family, int type, int protocol) noexcept {
  UniqueFd socket{::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol)};
  if (!socket.valid()) return socket;
  cannot_be_marked_ = mark_ && !set_mark(socket, *mark_);
  if (cannot_be_marked_) return UniqueFd{};
  return socket;
}

WatchedSocket Sockets::open_datagram(int family) noexcept {
  if (std::exchange(family_, family) != family) spare_ = {};
  if (!spare_.fd.valid()) prepare();
  return std::exchange(spare_, {});
}

int Sockets::open_stream(int family, int protocol) noexcept {
  UniqueFd socket = make(family, SOCK_STREAM, protocol);
  if (!socket.valid()) return -1;
  const int yes = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return streams_.emplace_back(std::move(socket)).fd.get();
}

void Sockets::watch_stream(int socket, uint32_t events) noexcept {
  const auto found = stream(socket);
  if (found != streams_.end()) watch(*found, events);
}

void Sockets::close_stream(int socket) noexcept {
  const auto found = stream(socket);
  if (found == streams_.end()) return;
  close(std::move(*found));
  streams_.erase(found);
}

std::vector<WatchedSocket>::iterator Sockets::stream(int socket) {
  return std::ranges::find_if(streams_,
                              [socket](const WatchedSocket& each) { return each.fd.get() == socket; });
}

void Sockets::watch(WatchedSocket& socket, uint32_t events) noexcept {
  const int fd = socket.fd.get();
  socket.watch = {};
  auto made = event::Watch::create(loop_, fd, events, [this, fd](uint32_t ready) {
    on_events_(fd, ready);
    return Result<>{};
  });
  if (made) socket.watch = *std::move(made);
}

void Sockets::prepare() noexcept {
  if (family_ == AF_UNSPEC || spare_.fd.valid()) return;
  spare_.fd = make(family_, SOCK_DGRAM, 0);
  if (spare_.fd.valid()) watch(spare_, EPOLLIN);
}

}  // namespace ostiary::upstream
