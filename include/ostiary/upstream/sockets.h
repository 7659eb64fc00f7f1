// upstream/sockets.h: the sockets that questions leave by.
// A question with a port of its own needs a socket of its own. One for UDP can be made before the question,
// and every one is closed after the answer, so that nobody waits for either.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <sys/socket.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/epoll.h"

namespace ostiary::upstream {

// Who waits for what comes: the lower half of the token is the descriptor's number.
struct Watcher {
  event::Epoll& epoll;
  uint64_t token = 0;
};

class Sockets {
 public:
  // Every socket carries the mark before its first packet. Fails where it cannot be set.
  static Result<Sockets> create(std::optional<uint32_t> mark, Watcher watcher);

  // For UDP, and watched.
  UniqueFd open_datagram(int family) noexcept;
  UniqueFd open_stream(int family, int protocol) noexcept;
  // Until it is closed. A socket that cannot be watched leaves its questions to their deadline.
  void watch(int socket, uint32_t events) noexcept;
  void close(UniqueFd socket) noexcept { closed_.push_back(std::move(socket)); }

  // What can wait until nobody waits for an answer.
  void prepare() noexcept;
  void end_closed() noexcept { closed_.clear(); }

  // Whether that is why the last one was not opened.
  bool cannot_be_marked() const { return cannot_be_marked_; }

 private:
  Sockets(std::optional<uint32_t> mark, Watcher watcher) : mark_(mark), watcher_(watcher) {}
  UniqueFd make(int family, int type, int protocol) noexcept;

  std::optional<uint32_t> mark_;
  Watcher watcher_;
  bool cannot_be_marked_ = false;
  UniqueFd spare_;          // for UDP, and watched already
  int family_ = AF_UNSPEC;  // of the spare: that which was asked for last
  std::vector<UniqueFd> closed_;
};

}  // namespace ostiary::upstream
