// upstream/source_ports.h: the UDP ports that questions leave by.
// c-ares keeps one UDP socket for each server while anything is outstanding, and knows it by a number. Behind
// that number stand the sockets of this class:
// - Few questions share a port, so that a forger must guess it together with the id.
// - A port that may have lost a question sends no other: a flow with the same addresses and ports, such as a
//   redirected one, would take that one too.
// - A port receives until the last of its questions has ended, so that a late reply still counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <sys/socket.h>

#include "ostiary/base/unique_fd.h"
#include "ostiary/upstream/sockets.h"

namespace ostiary::upstream {

namespace limits {
inline constexpr size_t questions_per_port = 16;
inline constexpr size_t open_ports = 128;  // at the bound, the oldest makes room
inline constexpr size_t questions = 1024;  // outstanding at a time
static_assert(open_ports * questions_per_port >= 2 * questions,
              "every question finds a port, and another when it is asked again");
}  // namespace limits

struct SourcePort {
  enum class Fitness : uint8_t { fit, lossy };

  int number = -1;  // by which c-ares knows its socket
  UniqueFd socket;  // connected; closed when the port has made room
  size_t questions = 0;
  Fitness fitness = Fitness::fit;

  bool is_bound_to(const sockaddr& address) const;
};

class SourcePorts {
 public:
  explicit SourcePorts(Sockets& sockets) : sockets_(sockets) {}

  // A number that no descriptor has.
  int open(int family) noexcept;
  bool knows(int number) const { return number >= first_number; }
  // As connect(2), recvfrom(2) and close(2), of c-ares's number.
  int connect(int number, const sockaddr* server, socklen_t size) noexcept;
  ssize_t receive(int number, std::span<uint8_t> room, sockaddr* from, socklen_t* from_size) noexcept;
  void close(int number) noexcept;

  // The port that the next question leaves by; it is one question's more. None, with errno, if no socket can
  // be made.
  std::shared_ptr<SourcePort> next(int number) noexcept;

  // The port with that descriptor, or none.
  std::shared_ptr<SourcePort> find(int descriptor) const;
  // What receive() reads from until the guard is gone.
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

  // Closes the ports that have no question.
  void close_idle() noexcept;

 private:
  // c-ares's socket.
  struct Route {
    int number = -1;
    int family = AF_UNSPEC;
    sockaddr_storage server{};
    socklen_t size = 0;
    std::shared_ptr<SourcePort> port;  // of the next question
  };
  static constexpr int first_number = 1 << 30;

  Route* route(int number);
  std::shared_ptr<SourcePort> make(const Route& route);
  void make_room();

  Sockets& sockets_;
  std::vector<Route> routes_;
  std::vector<std::shared_ptr<SourcePort>> ports_;  // the oldest first
  std::shared_ptr<SourcePort> reading_;
  int next_number_ = first_number;
};

}  // namespace ostiary::upstream
