// Connections over loopback, with a fake upstream and a made-up time.

#include "gate/connector.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../event/loopback.h"
#include "../event/made_up_time.h"
#include "fakes.h"
#include "ostiary/keeper/channel.h"

using namespace ostiary;
using namespace ostiary::gate;
using namespace ostiary::gate::testing;
using event::testing::LoopbackListener;

namespace {

constexpr uint32_t mark = 0x6f737469;

struct Reply {
  uint32_t id = 0;
  std::string error;
  UniqueFd socket = {};
};

std::string port_of(const LoopbackListener& listener) {
  return std::to_string(listener.port());
}

// A relay's server that is found by its name.
policy::Rule named(const LoopbackListener& listener) {
  return rule("c.example:" + port_of(listener), policy::Answers::private_too);
}

policy::Rule addressed(const LoopbackListener& listener) {
  return rule("127.0.0.1:" + port_of(listener));
}

// The gate's part of a relay's connections.
struct Relayed {
  explicit Relayed(std::vector<policy::Rule> servers, Terms terms = {.hold = 3600s})
      : setup(made_up_setup(std::move(servers), terms)) {
    REQUIRE(connector->start());
  }
  static Setup made_up_setup(std::vector<policy::Rule> servers, Terms terms) {
    Setup made;
    made.relayed = std::move(servers);
    made.terms = terms;
    made.mark = mark;
    return made;
  }

  void ask(uint32_t id, uint32_t server = 0) { send(link::render(link::ConnectRequest{id, server})); }
  void send(std::string_view octets) {
    REQUIRE(keeper::send(pair.relay.get(), octets));
    time.turn();
  }
  // Nothing if none has arrived.
  std::optional<Reply> reply() {
    for (int i = 0; i < 8; ++i) time.turn();  // one for each address
    char octet = 0;
    if (::recv(pair.relay.get(), &octet, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) return std::nullopt;
    auto datagram = keeper::receive_with_descriptor(pair.relay.get()).value().value();
    const auto read = link::parse_connect_reply(datagram.octets);
    REQUIRE(read);
    return Reply{.id = read->id, .error = read->error, .socket = std::move(datagram.descriptor)};
  }
  std::string error() {
    const auto got = reply();
    REQUIRE(got);
    CHECK_FALSE(got->socket.valid());
    return got->error;
  }
  // A connected socket for the request.
  UniqueFd socket(uint32_t id) {
    auto got = reply();
    REQUIRE(got);
    CHECK(got->id == id);
    CHECK(got->error.empty());
    REQUIRE(got->socket.valid());
    return std::move(got->socket);
  }

  event::testing::MadeUpTime time;
  FakeUpstream upstream;
  WildcardCount count;
  WildcardBudget wildcards{count};
  const Setup setup;
  RelayedNames names{setup, upstream, wildcards, *time.loop};
  link::ConnectionPair pair = link::make_connection_pair().value();
  std::unique_ptr<Connector> connector = std::make_unique<Connector>(
      Connector::Dependencies{.loop = *time.loop, .setup = setup, .names = names, .relay = pair.gate});
};

std::string peer_of(const UniqueFd& socket) {
  sockaddr_in name{};
  socklen_t size = sizeof name;
  REQUIRE(::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&name), &size) == 0);
  const auto* octets = reinterpret_cast<const uint8_t*>(&name.sin_addr);
  return inet::IpAddress::v4({octets[0], octets[1], octets[2], octets[3]}).text() + ":" +
         std::to_string(ntohs(name.sin_port));
}

int option(const UniqueFd& socket, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  REQUIRE(::getsockopt(socket.get(), level, name, &value, &size) == 0);
  return value;
}

// Whether the connection was accepted, and carries an octet to the server.
bool reaches(const UniqueFd& socket, const LoopbackListener& listener) {
  const UniqueFd accepted{::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  char octet = 0;
  return accepted.valid() && ::send(socket.get(), "x", 1, MSG_NOSIGNAL) == 1 &&
         ::recv(accepted.get(), &octet, 1, 0) == 1 && octet == 'x';
}

// A server that takes no connection and refuses none: its queue is full.
struct SilentListener {
  SilentListener() {
    REQUIRE(::listen(listener.fd.get(), 0) == 0);
    const auto name = listener.address();
    REQUIRE(::connect(first.get(), name.get(), name.size()) == 0);
  }
  LoopbackListener listener;
  const UniqueFd first{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
};

}  // namespace

TEST_SUITE("gate/connector") {
  TEST_CASE("connects to a server's address, with the gate's mark, and passes the socket") {
    if (::geteuid() != 0) return;
    const LoopbackListener listener;
    Relayed relayed({addressed(listener)});
    relayed.ask(7);
    const UniqueFd socket = relayed.socket(7);
    CHECK(relayed.upstream.asked.empty());
    CHECK(peer_of(socket) == "127.0.0.1:" + port_of(listener));
    CHECK(option(socket, SOL_SOCKET, SO_MARK) == static_cast<int>(mark));
    CHECK(option(socket, IPPROTO_TCP, TCP_NODELAY) != 0);
    CHECK(option(socket, SOL_SOCKET, SO_KEEPALIVE) != 0);
    CHECK((::fcntl(socket.get(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK(reaches(socket, listener));
    CHECK_FALSE(relayed.reply());
  }

  TEST_CASE("resolves a server's name for each connection, and a private address is as good as any") {
    if (::geteuid() != 0) return;
    const LoopbackListener listener;
    Relayed relayed({named(listener)});
    for (const uint32_t id : {1U, 2U}) {
      relayed.ask(id);
      CHECK_FALSE(relayed.reply());
      relayed.upstream.answer({address_record("127.0.0.1")});
      CHECK_FALSE(relayed.reply());  // its IPv6 addresses are not known yet
      relayed.upstream.answer({});
      CHECK(reaches(relayed.socket(id), listener));
    }
    CHECK(relayed.upstream.asked ==
          std::vector<std::string>{"c.example A", "c.example AAAA", "c.example A", "c.example AAAA"});
  }

  TEST_CASE("asks for the addresses that this network can reach, and says where it can reach none") {
    const LoopbackListener listener;
    Relayed ipv4({named(listener)}, {.hold = 3600s, .ipv6 = Reachability::unreachable});
    ipv4.ask(1);
    CHECK(ipv4.upstream.asked == std::vector<std::string>{"c.example A"});
    Relayed nowhere({named(listener)},
                    {.hold = 3600s, .ipv4 = Reachability::unreachable, .ipv6 = Reachability::unreachable});
    nowhere.ask(1);
    CHECK(nowhere.upstream.asked.empty());
    CHECK(nowhere.error() == "c.example did not resolve: no route leads out of this network");
  }

  TEST_CASE("tries the next address if one refuses") {
    if (::geteuid() != 0) return;
    const LoopbackListener listener;
    Relayed relayed({named(listener)});
    relayed.ask(1);
    relayed.upstream.answer(
        {address_record("127.0.0.2"), address_record("127.0.0.3"), address_record("127.0.0.1")});
    relayed.upstream.answer({});
    CHECK(peer_of(relayed.socket(1)) == "127.0.0.1:" + port_of(listener));
  }

  TEST_CASE("an address that does not answer is left after five seconds") {
    if (::geteuid() != 0) return;
    const SilentListener silent;
    Relayed relayed({addressed(silent.listener)});
    relayed.ask(1);
    relayed.time.turn_after(4999ms);
    CHECK_FALSE(relayed.reply());
    relayed.time.turn_after(1ms);
    CHECK(relayed.error() == "127.0.0.1:" + port_of(silent.listener) + ": no answer");
    relayed.time.turn_after(1h);
    CHECK_FALSE(relayed.reply());
  }

  TEST_CASE("the address behind one that does not answer is tried") {
    if (::geteuid() != 0) return;
    const SilentListener silent;
    Relayed relayed({named(silent.listener)});
    relayed.ask(1);
    relayed.upstream.answer({address_record("127.0.0.1"), address_record("127.0.0.2")});
    relayed.upstream.answer({});
    CHECK_FALSE(relayed.reply());
    relayed.time.turn_after(5s);
    CHECK(relayed.error() == "127.0.0.2:" + port_of(silent.listener) + ": Connection refused");
  }

  TEST_CASE("a server that refuses is an error that names its address") {
    if (::geteuid() != 0) return;
    uint16_t closed = 0;
    {
      const LoopbackListener listener;
      closed = listener.port();
    }
    const std::string place = "127.0.0.1:" + std::to_string(closed);
    Relayed relayed({rule(place)});
    relayed.ask(9);
    CHECK(relayed.error() == place + ": Connection refused");
  }

  TEST_CASE("a name without an address is an error with the upstream's reason") {
    const LoopbackListener listener;
    Relayed relayed({named(listener)});
    relayed.ask(1);
    relayed.upstream.answer({});
    relayed.upstream.answer({});
    CHECK(relayed.error() == "c.example did not resolve");
    relayed.ask(2);
    relayed.upstream.fail(upstream::Unanswered::timed_out);
    relayed.upstream.answer({});
    CHECK(relayed.error().starts_with("c.example did not resolve: "));
  }

  TEST_CASE("one family is enough") {
    if (::geteuid() != 0) return;
    const LoopbackListener listener;
    Relayed relayed({named(listener)});
    relayed.ask(1);
    relayed.upstream.answer({address_record("127.0.0.1")});
    relayed.upstream.fail(upstream::Unanswered::timed_out);
    CHECK(reaches(relayed.socket(1), listener));
  }

  TEST_CASE("connects to no address of a metadata service") {
    const LoopbackListener listener;
    Relayed relayed({named(listener)});
    relayed.ask(1);
    relayed.upstream.answer({address_record("169.254.169.254")});
    relayed.upstream.answer({});
    CHECK(relayed.error().starts_with("c.example did not resolve"));
  }

  TEST_CASE("each server is connected to at its own port, and a number beyond the list is an error") {
    if (::geteuid() != 0) return;
    const LoopbackListener first, second;
    Relayed relayed({addressed(first), addressed(second)});
    relayed.ask(1, 1);
    CHECK(peer_of(relayed.socket(1)) == "127.0.0.1:" + port_of(second));
    relayed.ask(2, 0);
    CHECK(peer_of(relayed.socket(2)) == "127.0.0.1:" + port_of(first));
    for (const uint32_t server : {2U, 0xffffffffU}) {
      relayed.ask(3, server);
      CHECK(relayed.error() == "there is no such server");
    }
  }

  TEST_CASE("a malformed request is left without a reply, and the next one is served") {
    if (::geteuid() != 0) return;
    const LoopbackListener listener;
    Relayed relayed({addressed(listener)});
    for (const std::string_view octets : {"x", "1234567", "123456789"}) {
      relayed.send(octets);
      CHECK_FALSE(relayed.reply());
    }
    relayed.send(std::string(4000, '\0'));
    CHECK_FALSE(relayed.reply());
    relayed.ask(1);
    relayed.socket(1);
  }

  TEST_CASE("at most 128 connections are made at a time") {
    if (::geteuid() != 0) return;
    const LoopbackListener listener;
    Relayed relayed({named(listener)});
    for (uint32_t id = 0; id < link::limits::connects_at_once; ++id) relayed.ask(id);
    CHECK_FALSE(relayed.reply());
    relayed.ask(1000);
    auto refused = relayed.reply();
    REQUIRE(refused);
    CHECK(refused->id == 1000);
    CHECK(refused->error == "too many connections are being made");
    // One question for all of them.
    CHECK(relayed.upstream.asked.size() == 2);
    relayed.upstream.answer({});
    relayed.upstream.answer({});
    for (uint32_t id = 0; id < link::limits::connects_at_once; ++id)
      CHECK(relayed.error() == "c.example did not resolve");
    relayed.ask(1001);
    CHECK_FALSE(relayed.reply());
    CHECK(relayed.upstream.waiting() == 2);
  }

  TEST_CASE("a reply for which the relay has no room is lost, and the socket is closed") {
    if (::geteuid() != 0) return;
    const LoopbackListener listener;
    Relayed relayed({addressed(listener)});
    while (keeper::send(relayed.pair.gate.get(), std::string(4096, 'x'))) {
    }
    relayed.ask(1);
    relayed.time.turn();
    const UniqueFd accepted{::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    REQUIRE(accepted.valid());
    char octet = 0;
    CHECK(::recv(accepted.get(), &octet, 1, MSG_DONTWAIT) == 0);
  }

  TEST_CASE("without a relay it watches nothing") {
    Relayed relayed({});
    const UniqueFd none;
    Connector connector(
        {.loop = *relayed.time.loop, .setup = relayed.setup, .names = relayed.names, .relay = none});
    CHECK(connector.start());
  }
}
