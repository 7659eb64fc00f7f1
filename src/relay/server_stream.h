// relay/server_stream.h: a connection to one server, over TLS or in plain text.
// - A write never raises SIGPIPE on a connection in plain text. Over TLS the process must ignore it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include <sys/epoll.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/inet/destination.h"
#include "relay/tls.h"

namespace ostiary::relay {

// A connection whose socket does not block.
class ServerStream {
 public:
  using Awaits = TlsStream::Awaits;
  using Moved = TlsStream::Moved;
  using Flush = TlsStream::Flush;

  // Without `trust` the connection is in plain text.
  static Result<ServerStream> open(const TlsTrust* trust, UniqueFd socket, const inet::Host& server,
                                   Alpn protocol = Alpn::http_1_1);

  // As those of TlsStream. `room` and `text` are not empty.
  Result<Moved> read(std::span<char> room);
  Result<Moved> write(std::string_view text, Flush flush = Flush::now);

  int fd() const;

 private:
  using Plain = UniqueFd;
  explicit ServerStream(std::variant<Plain, TlsStream> stream) : stream_(std::move(stream)) {}

  std::variant<Plain, TlsStream> stream_;
};

inline uint32_t epoll_events(ServerStream::Awaits awaits) {
  return awaits == ServerStream::Awaits::input ? EPOLLIN : EPOLLOUT;
}

}  // namespace ostiary::relay
