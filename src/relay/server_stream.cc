#include "relay/server_stream.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/socket.h>

namespace ostiary::relay {
namespace {

using Awaits = ServerStream::Awaits;
using Moved = ServerStream::Moved;
using Flush = ServerStream::Flush;

// `call` moves octets as recv(2) and send(2) do.
template <typename Call>
Result<Moved> moved(Awaits awaits, Call call) {
  ssize_t octets = -1;
  do octets = call();
  while (octets < 0 && errno == EINTR);
  if (octets >= 0) return Moved{.octets = static_cast<size_t>(octets)};
  if (errno == EAGAIN || errno == EWOULDBLOCK) return Moved{.awaits = awaits};
  return fail(Exit::unavailable, std::strerror(errno));
}

}  // namespace

Result<ServerStream> ServerStream::open(const TlsTrust* trust, UniqueFd socket, const inet::Host& server,
                                        Alpn protocol) {
  if (trust == nullptr) return ServerStream(std::move(socket));
  return ServerStream(TRY(TlsStream::open(*trust, std::move(socket), server, protocol)));
}

Result<Moved> ServerStream::read(std::span<char> room) {
  if (auto* const tls = std::get_if<TlsStream>(&stream_)) return tls->read(room);
  return moved(Awaits::input, [&] { return ::recv(fd(), room.data(), room.size(), 0); });
}

Result<Moved> ServerStream::write(std::string_view text, Flush flush) {
  if (auto* const tls = std::get_if<TlsStream>(&stream_)) return tls->write(text, flush);
  return moved(Awaits::output, [&] { return ::send(fd(), text.data(), text.size(), MSG_NOSIGNAL); });
}

int ServerStream::fd() const {
  if (const auto* const tls = std::get_if<TlsStream>(&stream_)) return tls->fd();
  return std::get<Plain>(stream_).get();
}

}  // namespace ostiary::relay
