// netlink/socket.h: owns a netlink socket.
// - The socket is close-on-exec.
// - receive() returns only whole datagrams that the kernel sent.
// - A datagram that the kernel had to drop is reported as an overrun.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <libmnl/libmnl.h>

#include "ostiary/base/c_handle.h"
#include "ostiary/base/result.h"

namespace ostiary::netlink {

enum class Bus : uint8_t { netfilter, socket_diagnosis, routing };

// The result of one receive().
struct Received {
  enum class Kind : uint8_t {
    nothing,  // no datagram is pending
    data,
    overrun,  // the kernel dropped a datagram, or one did not fit into the buffer
  };
  Kind kind = Kind::nothing;
  std::span<const uint8_t> data;
};

class Socket {
 public:
  static Result<Socket> open(Bus bus);
  // A second owner of an open socket. It binds the socket to a port if it has none yet.
  static Result<Socket> share(int fd);

  // For epoll. Readable when receive() has a result.
  int fd() const { return mnl_socket_get_fd(handle_.get()); }
  // The port id with which the kernel names this socket in notifications.
  uint32_t port() const { return mnl_socket_get_portid(handle_.get()); }

  Result<> subscribe(int group);
  // Asks for a buffer of this size. The kernel exceeds its limit only for a process with the
  // privilege.
  void set_receive_buffer(int bytes);

  // The kernel handles a request synchronously: when send() returns, its reply is pending.
  Result<> send(std::span<const uint8_t> bytes);
  // Does not block. The data is in `buffer`.
  Result<Received> receive(std::span<uint8_t> buffer);

 private:
  using Handle = std::unique_ptr<mnl_socket, CDelete<mnl_socket_close>>;
  explicit Socket(Handle handle) : handle_(std::move(handle)) {}
  Handle handle_;
};

// The netfilter sockets of this process, including those of libraries.
Result<std::vector<int>> own_sockets();

}  // namespace ostiary::netlink
