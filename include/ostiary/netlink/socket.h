// netlink/socket.h: the owner of a netlink socket.
// Close-on-exec; every datagram it hands out came from the kernel, whole. A datagram the kernel had to throw
// away is an event of its own, never silence.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include <libmnl/libmnl.h>

#include "ostiary/base/c_handle.h"
#include "ostiary/base/result.h"

namespace ostiary::netlink {

enum class Bus : uint8_t { netfilter, socket_diagnosis, routing };

// One look at the socket.
struct Received {
  enum class Kind : uint8_t {
    nothing,  // no datagram waits
    data,
    overrun,  // the kernel dropped at least one, or one did not fit the buffer
  };
  Kind kind = Kind::nothing;
  std::span<const uint8_t> data;
};

class Socket {
 public:
  static Result<Socket> open(Bus bus);

  // For epoll; readable when receive() has something.
  int fd() const { return mnl_socket_get_fd(handle_.get()); }
  // How the kernel names this socket in what it reports to others.
  uint32_t port() const { return mnl_socket_get_portid(handle_.get()); }

  Result<> subscribe(int group);
  // As many bytes as the kernel grants: beyond its limit only where this process may.
  void set_receive_buffer(int bytes);

  // The kernel has answered, as far as it will, when send() returns.
  Result<> send(std::span<const uint8_t> bytes);
  // Does not wait. The data lie in `buffer`.
  Result<Received> receive(std::span<uint8_t> buffer);

 private:
  using Handle = std::unique_ptr<mnl_socket, CDelete<mnl_socket_close>>;
  explicit Socket(Handle handle) : handle_(std::move(handle)) {}
  Handle handle_;
};

}  // namespace ostiary::netlink
