#include "scripted_server.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/uio.h>

#include "ostiary/inet/socket_address.h"

namespace ostiary::upstream::testing {
namespace {

constexpr int receive_mark = 75;  // SO_RCVMARK, which Debian 12's headers do not define

union Address {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
  sockaddr_storage room;
};

uint16_t port_of(const sockaddr_storage& storage) {
  Address address{};
  address.room = storage;
  return ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}

UniqueFd bound(const Server& server, int type) {
  const inet::SocketAddress name(server.address, server.port);
  UniqueFd fd{::socket(name.domain(), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  REQUIRE(fd.valid());
  constexpr int on = 1;
  if (type == SOCK_STREAM) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  REQUIRE(::bind(fd.get(), name.get(), name.size()) == 0);
  return fd;
}

std::optional<uint32_t> mark_in(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part))
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SO_MARK) {
      uint32_t mark = 0;
      std::memcpy(&mark, CMSG_DATA(part), sizeof mark);
      return mark;
    }
  return std::nullopt;
}

}  // namespace

std::string Asked::name() const {
  std::string text;
  for (size_t at = 12; at < query.size() && query[at] != 0; at += size_t{1} + query[at]) {
    if (!text.empty()) text += '.';
    for (size_t i = 1; i <= query[at]; ++i) text += static_cast<char>(query[at + i]);
  }
  return text;
}

ScriptedServer::ScriptedServer(const char* address, Script script) : script_(std::move(script)) {
  server_ = {.address = *inet::IpAddress::parse(address), .port = 0, .zone = {}};
  udp_ = bound(server_, SOCK_DGRAM);
  Address name{};
  socklen_t size = sizeof name;
  REQUIRE(::getsockname(udp_.get(), &name.any, &size) == 0);
  server_.port = port_of(name.room);
  tcp_ = bound(server_, SOCK_STREAM);
  REQUIRE(::listen(tcp_.get(), 64) == 0);
  constexpr int on = 1;
  ::setsockopt(udp_.get(), SOL_SOCKET, receive_mark, &on, sizeof on);
  constexpr int room_for_a_burst = 4 << 20;
  ::setsockopt(udp_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room_for_a_burst, sizeof room_for_a_burst);
}

void ScriptedServer::send(const Asked& to, const Bytes& message) {
  if (to.over == Asked::Over::udp) {
    Address address{};
    address.room = to.from;
    ::sendto(udp_.get(), message.data(), message.size(), 0, &address.any,
             address.any.sa_family == AF_INET ? sizeof address.v4 : sizeof address.v6);
    return;
  }
  if (to.connection >= connections_.size()) return;
  Bytes framed = dns::testing::u16(message.size());
  dns::testing::operator+=(framed, message);
  ::send(connections_[to.connection].fd.get(), framed.data(), framed.size(), MSG_NOSIGNAL);
}

std::vector<int> ScriptedServer::descriptors() const {
  std::vector<int> all;
  if (udp_.valid()) all = {udp_.get(), tcp_.get()};
  for (const Connection& connection : connections_)
    if (connection.fd.valid()) all.push_back(connection.fd.get());
  return all;
}

void ScriptedServer::serve() {
  serve_udp();
  serve_tcp();
}

void ScriptedServer::take(Asked asked) {
  asked_.push_back(std::move(asked));
  const Asked copy = asked_.back();
  script_(*this, copy);
}

void ScriptedServer::serve_udp() {
  while (udp_.valid()) {
    std::array<uint8_t, 4096> room{};
    std::array<char, 256> control{};
    Address from{};
    iovec part{.iov_base = room.data(), .iov_len = room.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(udp_.get(), &message, 0);
    if (size < 0) return;
    take({.query = Bytes(room.begin(), room.begin() + size),
          .over = Asked::Over::udp,
          .from = from.room,
          .from_port = port_of(from.room),
          .mark = mark_in(message)});
  }
}

void ScriptedServer::serve_tcp() {
  while (tcp_.valid()) {
    UniqueFd fd{::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!fd.valid()) break;
    uint32_t mark = 0;
    socklen_t size = sizeof mark;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_MARK, &mark, &size);
    connections_.push_back({.fd = std::move(fd), .received = {}, .mark = mark});
  }
  for (size_t i = 0; i < connections_.size(); ++i) receive(i);
}

void ScriptedServer::receive(size_t connection) {
  std::array<uint8_t, 4096> room{};
  Connection& open = connections_[connection];
  if (!open.fd.valid()) return;
  const ssize_t size = ::recv(open.fd.get(), room.data(), room.size(), 0);
  if (size == 0) open.fd.reset();
  if (size > 0) open.received.insert(open.received.end(), room.begin(), room.begin() + size);
  while (connection < connections_.size()) {
    Bytes& received = connections_[connection].received;
    const size_t length = received.size() < 2 ? 0 : size_t{received[0]} << 8 | received[1];
    if (received.size() < 2 || received.size() < 2 + length) return;
    const auto end = received.begin() + 2 + static_cast<ptrdiff_t>(length);
    Asked asked{.query = Bytes(received.begin() + 2, end),
                .over = Asked::Over::tcp,
                .mark = connections_[connection].mark,
                .connection = connection};
    received.erase(received.begin(), end);
    take(std::move(asked));
  }
}

Bytes reply_to(const Asked& asked, const Bytes& address, const Shape& shape) {
  using namespace dns::testing;
  const std::string name = shape.name.empty() ? asked.name() : std::string(shape.name);
  Bytes message =
      header(static_cast<uint16_t>(asked.id() + shape.id_change), shape.flags, 1, shape.records, 0, 0);
  message += question(name, type_a);
  Bytes owner = pointer(12);
  for (size_t i = 0; i < shape.records; ++i) {
    Bytes each = address;
    each[3] = static_cast<uint8_t>(each[3] + i);
    message += record(owner, type_a, 60, each);
  }
  return message;
}

}  // namespace ostiary::upstream::testing
