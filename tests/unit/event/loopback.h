// loopback.h: a listening TCP socket on 127.0.0.1, and clients that read what has arrived.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "ostiary/base/unique_fd.h"
#include "ostiary/inet/socket_address.h"

namespace ostiary::event::testing {

class LoopbackListener {
 public:
  LoopbackListener() {
    constexpr int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // its connections inherit it
    const inet::SocketAddress address(inet::IpAddress::loopback(inet::Family::ipv4), 0);
    REQUIRE(::bind(fd.get(), address.get(), address.size()) == 0);
    REQUIRE(::listen(fd.get(), 128) == 0);
    sockaddr_in name{};
    socklen_t size = sizeof name;
    REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&name), &size) == 0);
    port_ = ntohs(name.sin_port);
  }

  inet::SocketAddress address() const { return {inet::IpAddress::loopback(inet::Family::ipv4), port_}; }
  uint16_t port() const { return port_; }

  // The socket, for a server that has only this one.
  std::vector<UniqueFd> take() {
    std::vector<UniqueFd> one;
    one.push_back(std::move(fd));
    return one;
  }

  UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};

 private:
  uint16_t port_ = 0;
};

class LoopbackClient {
 public:
  // `room` is the size of the receive buffer, if it is not 0.
  explicit LoopbackClient(const inet::SocketAddress& server, int room = 0) {
    constexpr int on = 1;
    if (room != 0) ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    REQUIRE(::connect(fd_.get(), server.get(), server.size()) == 0);
  }

  void send(std::string_view octets) const {
    REQUIRE(::send(fd_.get(), octets.data(), octets.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(octets.size()));
  }
  // Sends what the connection takes at once. Returns the number of octets.
  size_t offer(std::string_view octets) const {
    const ssize_t sent = ::send(fd_.get(), octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? 0 : static_cast<size_t>(sent);
  }
  // All octets that have arrived so far.
  const std::string& received() {
    std::array<char, 65536> room;
    for (ssize_t got = 0; (got = ::recv(fd_.get(), room.data(), room.size(), MSG_DONTWAIT)) >= 0;) {
      if (got == 0) has_ended_ = true;
      if (got == 0) break;
      received_.append(room.data(), static_cast<size_t>(got));
    }
    return received_;
  }
  // Whether the server has ended its stream, and all of it was received.
  bool has_ended() {
    received();
    return has_ended_;
  }

 private:
  UniqueFd fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::string received_;
  bool has_ended_ = false;
};

}  // namespace ostiary::event::testing
