// upstream/sockets.h: opens and closes the sockets of the questions.
// Many questions need a new socket, for a new source port. To keep this off the path of an answer,
// a UDP socket is opened in advance, and sockets are closed later.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <sys/socket.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/loop.h"

namespace ostiary::upstream {

// A socket and its watch, which ends before the socket is closed.
struct WatchedSocket {
  UniqueFd fd;
  event::Watch watch = {};
};

class Sockets {
 public:
  using OnEvents = std::function<void(int socket, uint32_t events)>;

  // Fails if no socket can get the mark.
  static Result<> can_be_marked(uint32_t mark);

  // Every socket gets the mark before its first packet. `on_events` gets the events of all sockets.
  Sockets(event::Loop& loop, std::optional<uint32_t> mark, OnEvents on_events)
      : loop_(loop), mark_(mark), on_events_(std::move(on_events)) {}

  // Returns a UDP socket that is already watched.
  WatchedSocket open_datagram(int family) noexcept;
  // Closes the socket at the next end_closed().
  void close(WatchedSocket socket) noexcept { closed_.push_back(std::move(socket)); }

  // The same for TCP sockets, which stay here and which c-ares knows by their descriptors. If a
  // watch fails, the questions of the socket end at their deadline.
  int open_stream(int family, int protocol) noexcept;
  void watch_stream(int socket, uint32_t events) noexcept;
  void close_stream(int socket) noexcept;

  // prepare() opens the spare socket, and end_closed() closes sockets. Both can wait until no
  // answer is due.
  void prepare() noexcept;
  void end_closed() noexcept { closed_.clear(); }

  // Whether the last open failed because the socket could not be marked.
  bool cannot_be_marked() const { return cannot_be_marked_; }

 private:
  UniqueFd make(int family, int type, int protocol) noexcept;
  void watch(WatchedSocket& socket, uint32_t events) noexcept;
  std::vector<WatchedSocket>::iterator stream(int socket);

  event::Loop& loop_;
  std::optional<uint32_t> mark_;
  OnEvents on_events_;
  bool cannot_be_marked_ = false;
  WatchedSocket spare_;     // a UDP socket that is already watched
  int family_ = AF_UNSPEC;  // of the spare socket: the family of the last question
  std::vector<WatchedSocket> streams_;
  std::vector<WatchedSocket> closed_;
};

}  // namespace ostiary::upstream
