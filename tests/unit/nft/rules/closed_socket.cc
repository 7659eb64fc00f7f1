#include "nft/rules/closed_socket.h"

#include <array>
#include <cerrno>
#include <string_view>

#include <doctest/doctest.h>
#include <sys/fsuid.h>
#include <sys/socket.h>

#include "ostiary/inet/socket_address.h"

namespace ostiary::test::rules {

ClosedSocket::ClosedSocket(FilteredHost& host, const Sender& sender, const Endpoint& to,
                           const std::optional<Sender>& peer)
    : host_(host), peer_(peer), syn_(tcp(to, to)) {
  const On here(host_.inside());
  const inet::SocketAddress server(to.address, to.port);
  ::setfsuid(sender.user);
  socket_ = UniqueFd{::socket(server.domain(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  ::setfsuid(0);
  REQUIRE(::setsockopt(socket_.get(), SOL_SOCKET, SO_MARK, &sender.mark, sizeof sender.mark) == 0);
  REQUIRE(::connect(socket_.get(), server.get(), server.size()) == -1);
  REQUIRE(errno == EINPROGRESS);
  host_.observes();
  const std::vector<Packet>& seen = peer_ ? host_.seen().stayed : host_.seen().left;
  REQUIRE(!seen.empty());
  syn_ = seen.front();
  answers(flag::syn | flag::ack, 0);
}

// Closes the connection: otherwise the kernel would retransmit during later tests.
ClosedSocket::~ClosedSocket() {
  answers(flag::rst | flag::ack, 0);
}

std::string ClosedSocket::answers(uint8_t flags, uint16_t window) {
  Packet packet = answer(syn_, flags);
  packet.acknowledgement = syn_.sequence + 1;
  packet.sequence = (flags & flag::syn) != 0 ? 1 : 2;
  packet.window = window;
  if (!peer_) return host_.gets(packet, link_);
  return host_.sends(*peer_, packet);
}

void ClosedSocket::set(int level, int option, std::span<const uint8_t> value) {
  REQUIRE(::setsockopt(socket_.get(), level, option, value.data(), static_cast<socklen_t>(value.size())) ==
          0);
}

void ClosedSocket::is_bound_to(const char* device) {
  constexpr std::array<uint8_t, sizeof(int)> yes{1, 1, 1, 1};
  link_ = device;
  set(SOL_SOCKET, SO_DONTROUTE, yes);
  const std::string_view name = device;
  set(SOL_SOCKET, SO_BINDTODEVICE, std::vector<uint8_t>(name.begin(), name.end()));
}

std::string ClosedSocket::closes_after_writing(std::span<const uint8_t> data) {
  REQUIRE(::send(socket_.get(), data.data(), data.size(), 0) == static_cast<ssize_t>(data.size()));
  socket_ = UniqueFd();
  host_.observes();
  return answers(flag::ack, 65535);
}

std::string ClosedSocket::is_asked_again() {
  Packet packet = answer(syn_, flag::ack);
  packet.acknowledgement = syn_.sequence + 1;
  packet.window = 0;
  return host_.gets(packet, link_);
}

std::string ClosedSocket::is_reset() {
  Packet packet = with_data(answer(syn_, flag::ack), 1);
  packet.acknowledgement = syn_.sequence + 1;
  packet.sequence = 2;
  packet.window = 0;
  return host_.gets(packet, link_);
}

}  // namespace ostiary::test::rules
