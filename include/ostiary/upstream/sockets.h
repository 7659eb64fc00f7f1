// upstream/sockets.h: the sockets that questions leave by, and which of them have something to read.
// A question with a port of its own needs a socket of its own. One for UDP can be made before the question,
// and every one is closed after the answer, so that nobody waits for either.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::upstream {

class Sockets {
 public:
  // Every socket carries the mark before its first packet. Fails where it cannot be set.
  static Result<Sockets> create(std::optional<uint32_t> mark);

  // As socket(2), for the caller to close().
  int open(int family, int type, int protocol) noexcept;
  // Until it is closed. A socket that cannot be watched leaves its questions to their deadline.
  void watch(int socket, uint32_t events) noexcept;
  void close(UniqueFd socket) noexcept { closed_.push_back(std::move(socket)); }

  // Readable when one of them is ready.
  int fd() const { return epoll_.get(); }
  std::span<const epoll_event> ready() noexcept;

  // What can wait until nobody waits for an answer.
  void prepare() noexcept;
  void end_closed() noexcept { closed_.clear(); }

  // Whether that is why the last one was not opened.
  bool cannot_be_marked() const { return cannot_be_marked_; }

 private:
  // For UDP, watched already.
  struct Spare {
    int family;
    bool wanted = false;
    UniqueFd socket = {};
  };

  Sockets(std::optional<uint32_t> mark, UniqueFd epoll) : mark_(mark), epoll_(std::move(epoll)) {}
  UniqueFd make(int family, int type, int protocol) noexcept;

  std::optional<uint32_t> mark_;
  UniqueFd epoll_;
  bool cannot_be_marked_ = false;
  std::array<Spare, 2> spares_{Spare{.family = AF_INET}, Spare{.family = AF_INET6}};
  int last_spare_ = -1;  // that was opened
  std::vector<UniqueFd> closed_;
  std::array<epoll_event, 64> ready_{};
};

}  // namespace ostiary::upstream
