// upstream/sockets.h: opens and closes the sockets of the questions.
// Many questions need a new socket, for a new source port. To keep this off the path of an answer,
// a UDP socket is opened in advance, and sockets are closed later.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <sys/socket.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/epoll.h"

namespace ostiary::upstream {

// The epoll instance that watches the sockets. The lower half of a token is the descriptor.
struct Watcher {
  event::Epoll& epoll;
  uint64_t token = 0;
};

class Sockets {
 public:
  // Every socket gets the mark before its first packet. Fails if the mark cannot be set.
  static Result<Sockets> create(std::optional<uint32_t> mark, Watcher watcher);

  // Returns a UDP socket that is already watched.
  UniqueFd open_datagram(int family) noexcept;
  UniqueFd open_stream(int family, int protocol) noexcept;
  // Watches a socket until it is closed. On failure its questions end at their deadline.
  void watch(int socket, uint32_t events) noexcept;
  // Closes the socket at the next end_closed().
  void close(UniqueFd socket) noexcept { closed_.push_back(std::move(socket)); }

  // prepare() opens the spare socket, and end_closed() closes sockets. Both can wait until no
  // answer is due.
  void prepare() noexcept;
  void end_closed() noexcept { closed_.clear(); }

  // Whether the last open failed because the socket could not be marked.
  bool cannot_be_marked() const { return cannot_be_marked_; }

 private:
  Sockets(std::optional<uint32_t> mark, Watcher watcher) : mark_(mark), watcher_(watcher) {}
  UniqueFd make(int family, int type, int protocol) noexcept;

  std::optional<uint32_t> mark_;
  Watcher watcher_;
  bool cannot_be_marked_ = false;
  UniqueFd spare_;          // a UDP socket that is already watched
  int family_ = AF_UNSPEC;  // of the spare socket: the family of the last question
  std::vector<UniqueFd> closed_;
};

}  // namespace ostiary::upstream
