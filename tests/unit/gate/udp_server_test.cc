#include "gate/udp_server.h"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>
#include <sys/socket.h>

#include "../event/made_up_time.h"
#include "../net/hosts.h"
#include "ostiary/inet/socket_address.h"

using ostiary::UniqueFd;
using ostiary::event::testing::MadeUpTime;
using ostiary::gate::Client;
using ostiary::gate::UdpServer;
using ostiary::inet::Family;
using ostiary::inet::IpAddress;
using ostiary::inet::SocketAddress;
using ostiary::test::can_make_hosts;
using ostiary::test::Host;
using ostiary::test::On;
using ostiary::test::run;
using Texts = std::vector<std::string>;

namespace {

UniqueFd on_loopback(Family family) {
  const SocketAddress name(IpAddress::loopback(family), 0);
  UniqueFd fd{::socket(name.domain(), SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  REQUIRE(fd.valid());
  REQUIRE(::bind(fd.get(), name.get(), name.size()) == 0);
  return fd;
}

// A server that answers a number with that many copies of the client's letter.
struct Echo {
  explicit Echo(Family family)
      : server(*time.loop, listeners(family), [this](auto... each) { take(each...); }) {
    REQUIRE(server.start());
  }
  std::vector<UniqueFd> listeners(Family family) {
    std::vector<UniqueFd> made;
    made.push_back(on_loopback(family));
    socklen_t size = sizeof address;
    ::getsockname(made[0].get(), reinterpret_cast<sockaddr*>(&address), &size);
    address_size = size;
    return made;
  }
  void ask(const UniqueFd& client, const std::string& letter_and_length) const {
    REQUIRE(::sendto(client.get(), letter_and_length.data(), letter_and_length.size(), 0,
                     reinterpret_cast<const sockaddr*>(&address),
                     address_size) == static_cast<ssize_t>(letter_and_length.size()));
  }
  void take(std::span<const uint8_t> question, const Client& client) {
    const std::string text(question.begin(), question.end());
    const std::string answer(std::stoul(text.substr(1)), text[0]);
    server.send(client, std::vector<uint8_t>(answer.begin(), answer.end()));
  }
  void serve() { time.turn(); }

  sockaddr_in6 address{};
  socklen_t address_size = 0;
  MadeUpTime time;
  UdpServer server;
};

// All data that has arrived, in order of length.
Texts received(const UniqueFd& client) {
  Texts all;
  std::string datagram(4096, ' ');
  while (true) {
    const ssize_t size = ::recv(client.get(), datagram.data(), datagram.size(), MSG_DONTWAIT);
    if (size < 0) break;
    all.push_back(datagram.substr(0, static_cast<size_t>(size)));
  }
  std::ranges::sort(all, {}, &std::string::size);
  return all;
}

void each_gets_their_own(Family family) {
  Echo echo(family);
  const UniqueFd one = on_loopback(family);
  const UniqueFd other = on_loopback(family);
  for (const char* question : {"a40", "a80", "a40", "a1232", "a40", "a12"}) echo.ask(one, question);
  for (const char* question : {"b80", "b80", "b80"}) echo.ask(other, question);
  echo.serve();
  CHECK(received(one) == Texts{std::string(12, 'a'), std::string(40, 'a'), std::string(40, 'a'),
                               std::string(40, 'a'), std::string(80, 'a'), std::string(1232, 'a')});
  CHECK(received(other) == Texts(3, std::string(80, 'b')));
}

}  // namespace

TEST_SUITE("gate/udp_server") {
  TEST_CASE("the answers of one batch reach their clients, complete and separate") {
    for (const auto family : {Family::ipv4, Family::ipv6}) each_gets_their_own(family);
  }

  TEST_CASE("a full batch to one client") {
    Echo echo(Family::ipv4);
    const UniqueFd client = on_loopback(Family::ipv4);
    const int room = 1 << 20;
    ::setsockopt(client.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    for (int i = 0; i < 32; ++i) echo.ask(client, "a1232");
    echo.serve();
    CHECK(received(client) == Texts(32, std::string(1232, 'a')));
  }

  TEST_CASE("answers leave one by one if the MTU is too small for several") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    run("ip link set lo mtu 1280");
    for (const auto family : {Family::ipv4, Family::ipv6}) {
      Echo echo(family);
      const UniqueFd client = on_loopback(family);
      for (const char* question : {"a1300", "a1300", "a40"}) echo.ask(client, question);
      echo.serve();
      CHECK(received(client) == Texts{std::string(40, 'a'), std::string(1300, 'a'), std::string(1300, 'a')});
    }
  }

  TEST_CASE("a client that is gone does not affect the others") {
    Echo echo(Family::ipv4);
    const UniqueFd stays = on_loopback(Family::ipv4);
    {
      const UniqueFd leaves = on_loopback(Family::ipv4);
      for (const char* question : {"a40", "a40"}) echo.ask(leaves, question);
      echo.ask(stays, "b40");
    }
    echo.serve();
    CHECK(received(stays) == Texts{std::string(40, 'b')});
  }
}
