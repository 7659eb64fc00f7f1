// upstream/source_ports.h: the UDP source ports of the questions.
// c-ares keeps one UDP socket for each server while a question is outstanding, and identifies it by
// a number. This class maps that number to several sockets, each with its own source port:
// - Few questions share a port, so an attacker who forges a reply must guess the port and the id.
// - A port that may have lost a question sends no further one. A conntrack flow with the same
//   addresses and ports, such as a redirected flow, may have captured the question and would
//   capture the next.
// - A port receives until its last question has ended, so a late reply still counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <sys/socket.h>

#include "ostiary/upstream/sockets.h"

namespace ostiary::upstream {

namespace limits {
inline constexpr size_t questions_per_port = 16;
inline constexpr size_t open_ports = 128;  // at this limit the oldest port is closed
inline constexpr size_t questions = 1024;  // outstanding at a time
static_assert(open_ports * questions_per_port >= 2 * questions,
              "every question gets a port, and another one for a retry");
}  // namespace limits

struct SourcePort {
  enum class Fitness : uint8_t { fit, lossy };

  int number = -1;       // c-ares's number for the socket of the server
  WatchedSocket socket;  // connected; invalid after the port was closed
  size_t questions = 0;
  Fitness fitness = Fitness::fit;

  bool is_bound_to(const sockaddr& address) const;
};

class SourcePorts {
 public:
  explicit SourcePorts(Sockets& sockets) : sockets_(sockets) {}

  // Returns a number that is never a descriptor.
  int open(int family) noexcept;
  bool knows(int number) const { return number >= first_number; }
  // Like connect(2), recvfrom(2) and close(2), for a number of c-ares.
  int connect(int number, const sockaddr* server, socklen_t size) noexcept;
  ssize_t receive(int number, std::span<uint8_t> room, sockaddr* from, socklen_t* from_size) noexcept;
  void close(int number) noexcept;

  // Returns the port for the next question and counts the question. Returns null and sets errno if
  // no socket can be opened.
  std::shared_ptr<SourcePort> next(int number) noexcept;

  // The port with that descriptor, or null.
  std::shared_ptr<SourcePort> find(int descriptor) const;
  // Selects the port from which receive() reads, until the guard ends.
  class Reading {
   public:
    Reading(SourcePorts& ports, std::shared_ptr<SourcePort> port) : ports_(ports) {
      ports_.reading_ = std::move(port);
    }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    ~Reading() { ports_.reading_.reset(); }

   private:
    SourcePorts& ports_;
  };

  // Closes the ports without an outstanding question.
  void close_idle() noexcept;

 private:
  // A UDP socket as c-ares sees it.
  struct Route {
    int number = -1;
    int family = AF_UNSPEC;
    sockaddr_storage server{};
    socklen_t size = 0;
    std::shared_ptr<SourcePort> port;  // for the next question
  };
  static constexpr int first_number = 1 << 30;

  Route* route(int number);
  std::shared_ptr<SourcePort> make(const Route& route);
  void make_room();

  Sockets& sockets_;
  std::vector<Route> routes_;
  std::vector<std::shared_ptr<SourcePort>> ports_;  // oldest first
  std::shared_ptr<SourcePort> reading_;
  int next_number_ = first_number;
};

}  // namespace ostiary::upstream
