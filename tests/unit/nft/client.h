// nft/client.h: sockets of an agent in a test.
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/hosts.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/inet/socket_address.h"
#include "ostiary/nft/table.h"

namespace ostiary::test {

struct Address : inet::SocketAddress {
  Address(const std::string& text, uint16_t port) : SocketAddress(*inet::IpAddress::parse(text), port) {}
};

inline Result<> apply(const nft::Ruleset& ruleset, nft::Existing existing) {
  return TRY(nft::Table::open()).apply(ruleset, existing);
}

enum class Mark : uint8_t { none, gate };
inline constexpr uint32_t gate_mark = 0x6f73;

inline UniqueFd make_socket(const Address& address, int type, Mark mark = Mark::none) {
  UniqueFd fd{::socket(address.domain(), type | SOCK_CLOEXEC, 0)};
  REQUIRE(fd.valid());
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (mark == Mark::gate)
    REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &gate_mark, sizeof gate_mark) == 0);
  // The first neighbour solicitation may be lost while the link comes up.
  const timeval patience{4, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return fd;
}

inline UniqueFd bound(const std::string& text, uint16_t port, int type, Mark mark = Mark::none) {
  const Address address(text, port);
  UniqueFd fd = make_socket(address, type, mark);
  REQUIRE(::bind(fd.get(), address.get(), address.size()) == 0);
  if (type == SOCK_STREAM) REQUIRE(::listen(fd.get(), 16) == 0);
  return fd;
}

inline UniqueFd bound_in(const Host& host, const std::string& text, uint16_t port, int type) {
  const On on(host);
  return bound(text, port, type);
}

inline uint16_t local_port(const UniqueFd& fd) {
  sockaddr_in6 address{};
  socklen_t size = sizeof address;
  REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return ntohs(address.sin6_port);  // at the same offset in both families
}

// 0, or the errno of connect().
inline int tcp_error(const std::string& text, uint16_t port, Mark mark = Mark::none) {
  const Address address(text, port);
  const UniqueFd fd = make_socket(address, SOCK_STREAM, mark);
  return ::connect(fd.get(), address.get(), address.size()) == 0 ? 0 : errno;
}

// 0, or the errno of sending one datagram.
inline int udp_error(const std::string& text, uint16_t port, Mark mark = Mark::none) {
  const Address address(text, port);
  const UniqueFd fd = make_socket(address, SOCK_DGRAM, mark);
  return ::sendto(fd.get(), "x", 1, 0, address.get(), address.size()) == 1 ? 0 : errno;
}

// Sends one datagram as the gate, which the rules let out. Packets on one path arrive in order, so
// it shows that no earlier packet is still on its way.
inline void send_marker(const std::string& to, uint16_t port) {
  const Address address(to, port);
  const UniqueFd fd = make_socket(address, SOCK_DGRAM, Mark::gate);
  REQUIRE(::sendto(fd.get(), "marker", 6, 0, address.get(), address.size()) == 6);
}

inline std::string receive(const UniqueFd& fd) {
  char buffer[512];
  const ssize_t size = ::recv(fd.get(), buffer, sizeof buffer, 0);
  return size < 0 ? std::string() : std::string(buffer, static_cast<size_t>(size));
}

inline bool something_arrives(const UniqueFd& fd, int milliseconds) {
  pollfd waiting{fd.get(), POLLIN, 0};
  return ::poll(&waiting, 1, milliseconds) == 1;
}

}  // namespace ostiary::test
