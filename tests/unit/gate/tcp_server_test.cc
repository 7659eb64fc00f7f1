#include "gate/tcp_server.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "../event/made_up_time.h"
#include "few_files.h"
#include "gate/limits.h"
#include "ostiary/inet/socket_address.h"

using namespace ostiary;
using namespace ostiary::gate;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;
using event::testing::MadeUpTime;

namespace {

const event::Time start = MadeUpTime().now;

// The kernel delivers over loopback at once. Only a test that fails waits this long.
constexpr auto patience = 2000ms;

std::string framed(std::string_view message) {
  const std::array<char, 2> size{static_cast<char>(message.size() >> 8U),
                                 static_cast<char>(message.size() & 0xffU)};
  return std::string(size.data(), size.size()) + std::string(message);
}

class TcpClient {
 public:
  explicit TcpClient(const inet::SocketAddress& server) {
    // Less than the answers that a test sends, so that the server meets a full socket.
    constexpr int little = 16384;
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    constexpr int on = 1;
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    REQUIRE(::connect(fd_.get(), server.get(), server.size()) == 0);
  }

  void send(std::string_view octets) const {
    REQUIRE(::send(fd_.get(), octets.data(), octets.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(octets.size()));
  }
  // The messages that have arrived, without their lengths. Takes no more than has arrived.
  Texts received() {
    std::array<char, 65536> room;
    for (ssize_t got = 0; (got = ::recv(fd_.get(), room.data(), room.size(), MSG_DONTWAIT)) > 0;)
      unread_.append(room.data(), static_cast<size_t>(got));
    Texts messages;
    while (unread_.size() >= 2) {
      const size_t size =
          static_cast<size_t>(static_cast<uint8_t>(unread_[0])) << 8U | static_cast<uint8_t>(unread_[1]);
      if (unread_.size() < 2 + size) break;
      messages.push_back(unread_.substr(2, size));
      unread_.erase(0, 2 + size);
    }
    return messages;
  }
  // The next message, which may still be on its way.
  std::string next() {
    if (arrived_.empty()) {
      pollfd readable{fd_.get(), POLLIN, 0};
      REQUIRE(::poll(&readable, 1, static_cast<int>(patience.count())) == 1);
      arrived_ = received();
    }
    if (arrived_.empty()) return "";
    std::string message = arrived_.front();
    arrived_.erase(arrived_.begin());
    return message;
  }
  // Whether the server has closed the connection.
  bool is_closed() {
    while (true) {
      pollfd readable{fd_.get(), POLLIN, 0};
      if (::poll(&readable, 1, static_cast<int>(patience.count())) != 1) return false;
      std::array<char, 65536> room;
      const ssize_t got = ::recv(fd_.get(), room.data(), room.size(), MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno == ECONNRESET)) return true;
      if (got < 0) return false;
      unread_.append(room.data(), static_cast<size_t>(got));
    }
  }
  void close() { fd_.reset(); }

 private:
  UniqueFd fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::string unread_;
  Texts arrived_;
};

std::string upper_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

// A server with a made-up time, which answers a question in upper case.
struct Server {
  Server() : server(*time.loop, listeners(), [this](auto... each) { take(each...); }) {
    REQUIRE(server.start());
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::vector<UniqueFd> listeners() {
    const inet::SocketAddress loopback(inet::IpAddress::loopback(inet::Family::ipv4), 0);
    UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    constexpr int little = 4096;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &little, sizeof little);  // its connections inherit it
    REQUIRE(::bind(fd.get(), loopback.get(), loopback.size()) == 0);
    REQUIRE(::listen(fd.get(), 128) == 0);
    socklen_t size = sizeof name;
    REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&name), &size) == 0);
    std::vector<UniqueFd> made;
    made.push_back(std::move(fd));
    return made;
  }

  // Handles events until the condition holds.
  template <typename Condition>
  void serve_until(Condition holds) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!holds() && std::chrono::steady_clock::now() < end) turn();
    REQUIRE(holds());
  }
  // Handles the events of one wait.
  void turn() { REQUIRE(time.loop->turn(patience)); }
  TcpClient connect() {
    const inet::SocketAddress address(inet::IpAddress::loopback(inet::Family::ipv4), ntohs(name.sin_port));
    TcpClient client(address);
    turn();
    return client;
  }
  void serve_until_asked(size_t questions) {
    serve_until([&] { return asked.size() == questions; });
  }
  void send(const Client& client, std::string_view message) {
    server.send(client, std::span(reinterpret_cast<const uint8_t*>(message.data()), message.size()));
  }
  // The time at which the first idle client is closed. Empty without a client.
  event::Deadline deadline() const { return time.loop->deadline(); }
  bool has_clients() const { return deadline().has_value(); }
  // Whether the client gets an answer.
  bool serves(TcpClient& client) {
    client.send(framed("ping"));
    serve_until_asked(asked.size() + 1);
    return client.next() == "PING";
  }

  MadeUpTime time;
  std::function<std::string(std::string)> answer = upper_case;  // empty: the test answers later
  Texts asked;
  std::vector<Client> clients;  // of each question
  sockaddr_in name{};
  TcpServer server;

 private:
  void take(std::span<const uint8_t> message, const Client& client) {
    CHECK(client.transport == dns::Transport::tcp);
    asked.emplace_back(message.begin(), message.end());
    clients.push_back(client);
    if (answer) send(client, answer(asked.back()));
  }
};

}  // namespace

TEST_SUITE("gate/tcp_server") {
  TEST_CASE("a question that arrives octet by octet is one question") {
    Server server;
    TcpClient client = server.connect();
    const std::string message = framed("question");
    for (size_t i = 0; i < message.size(); ++i) {
      client.send(message.substr(i, 1));
      if (i + 1 < message.size()) {
        server.turn();
        CHECK(server.asked.empty());
      }
    }
    server.serve_until_asked(1);
    CHECK(server.asked == Texts{"question"});
    CHECK(client.next() == "QUESTION");
  }

  TEST_CASE("two questions in one segment are two questions, and each has its own answer") {
    Server server;
    TcpClient client = server.connect();
    client.send(framed("one") + framed("two"));
    server.serve_until_asked(2);
    CHECK(server.asked == Texts{"one", "two"});
    CHECK(client.next() == "ONE");
    CHECK(client.next() == "TWO");
  }

  TEST_CASE("a segment may end within a question: the rest follows in the next") {
    Server server;
    TcpClient client = server.connect();
    const std::string second = framed("second");
    for (const size_t cut : {size_t{1}, size_t{2}, size_t{5}}) {
      const size_t before = server.asked.size();
      client.send(framed("first") + second.substr(0, cut));
      server.serve_until_asked(before + 1);
      client.send(second.substr(cut) + framed("third"));
      server.serve_until_asked(before + 3);
      CHECK(Texts(server.asked.end() - 3, server.asked.end()) == Texts{"first", "second", "third"});
    }
  }

  TEST_CASE("a client may ask again before its first answer, and the answers go out as they are found") {
    Server server;
    server.answer = {};
    TcpClient client = server.connect();
    for (const char* question : {"slow", "fast"}) client.send(framed(question));
    server.serve_until_asked(2);
    server.send(server.clients[1], "FAST");
    CHECK(client.next() == "FAST");
    server.send(server.clients[0], "SLOW");
    CHECK(client.next() == "SLOW");
  }

  TEST_CASE("each client gets the answers to its own questions") {
    Server server;
    TcpClient one = server.connect();
    TcpClient other = server.connect();
    one.send(framed("one"));
    other.send(framed("other"));
    server.serve_until_asked(2);
    CHECK(one.next() == "ONE");
    CHECK(other.next() == "OTHER");
  }

  TEST_CASE("an idle connection is closed after its time, and not before") {
    Server server;
    TcpClient client = server.connect();
    CHECK(server.deadline() == start + limits::tcp_idle);
    server.time.now = start + limits::tcp_idle - 1ms;
    server.time.turn();
    CHECK(server.serves(client));
    CHECK(server.deadline() == server.time.now + limits::tcp_idle);
    server.time.now += limits::tcp_idle;
    server.time.turn();
    CHECK(client.is_closed());
    CHECK_FALSE(server.has_clients());
  }

  TEST_CASE("octets of a question that does not end do not delay the end of its connection") {
    Server server;
    TcpClient client = server.connect();
    for (int second = 1; second <= 9; ++second) {
      server.time.now = start + std::chrono::seconds(second);
      client.send(second == 1 ? std::string("\0\x7f", 2) : "x");
      server.turn();
    }
    CHECK(server.deadline() == start + limits::tcp_idle);
    server.time.now = start + limits::tcp_idle;
    server.time.turn();
    CHECK(client.is_closed());
  }

  TEST_CASE("a question that ends delays the end of its connection, also if the next one has begun") {
    Server server;
    TcpClient client = server.connect();
    server.time.now = start + 9s;
    client.send(framed("whole") + std::string("\0\x7f", 2));
    server.serve_until_asked(1);
    CHECK(server.deadline() == start + 9s + limits::tcp_idle);
  }

  TEST_CASE("only the connections whose time is over are closed") {
    Server server;
    TcpClient early = server.connect();
    server.time.now += 1s;
    TcpClient late = server.connect();
    CHECK(server.deadline() == start + limits::tcp_idle);
    server.time.now = start + limits::tcp_idle;
    server.time.turn();
    CHECK(early.is_closed());
    CHECK(server.deadline() == start + limits::tcp_idle + 1s);
    CHECK(server.serves(late));
  }

  TEST_CASE("64 clients are served at once, and for the next the longest idle one is closed") {
    Server server;
    std::vector<TcpClient> clients;
    for (int i = 0; i < 64; ++i) {
      server.time.now += 1ms;
      clients.push_back(server.connect());
    }
    server.time.now += 1ms;
    CHECK(server.serves(clients[0]));  // now the second client is the longest idle one
    TcpClient last = server.connect();
    CHECK(clients[1].is_closed());
    CHECK(server.serves(last));
    for (size_t i = 0; i < clients.size(); ++i)
      if (i != 1) CHECK(server.serves(clients[i]));
  }

  TEST_CASE("without a free descriptor the longest idle client makes room") {
    Server server;
    TcpClient idle = server.connect();
    server.time.now += 1ms;
    TcpClient busy = server.connect();
    const inet::SocketAddress address(inet::IpAddress::loopback(inet::Family::ipv4),
                                      ntohs(server.name.sin_port));
    TcpClient last(address);
    {
      const ostiary::testing::FewFiles none(0);
      server.turn();
    }
    CHECK(idle.is_closed());
    CHECK(server.serves(busy));
    CHECK(server.serves(last));
  }

  TEST_CASE("a message that can be no question closes the connection, and no other") {
    Server server;
    TcpClient other = server.connect();
    for (const std::string& wrong : {std::string("\0\0", 2), std::string("\x10\x01", 2)}) {
      TcpClient client = server.connect();
      client.send(framed("good") + wrong + framed("never"));
      const size_t before = server.asked.size();
      server.serve_until_asked(before + 1);
      CHECK(client.is_closed());
      CHECK(server.asked.back() == "good");
    }
    CHECK(server.serves(other));
  }

  TEST_CASE("a question of the greatest length is taken") {
    Server server;
    server.answer = {};
    TcpClient client = server.connect();
    const std::string longest(dns::limits::tcp_query_octets, 'x');
    client.send(framed(longest));
    server.serve_until_asked(1);
    CHECK(server.asked[0] == longest);
  }

  TEST_CASE("a connection that its client closed is closed") {
    Server server;
    {
      const TcpClient client = server.connect();
      CHECK(server.has_clients());
    }
    server.serve_until([&] { return !server.has_clients(); });
  }

  TEST_CASE("an answer to a client that has gone does not reach the next one") {
    Server server;
    server.answer = {};
    TcpClient gone = server.connect();
    gone.send(framed("old"));
    server.serve_until_asked(1);
    gone.close();
    server.serve_until([&] { return !server.has_clients(); });
    server.send(server.clients[0], "NOBODY");

    TcpClient next = server.connect();
    next.send(framed("new"));
    server.serve_until_asked(2);
    CHECK(server.clients[1].socket == server.clients[0].socket);
    server.send(server.clients[0], "OLD");
    server.send(server.clients[1], "NEW");
    CHECK(next.next() == "NEW");
  }

  TEST_CASE("answers that the client takes slowly arrive whole and in order") {
    Server server;
    server.answer = {};
    TcpClient client = server.connect();
    client.send(framed("question"));
    server.serve_until_asked(1);
    Texts answers;
    for (const char letter : {'a', 'b', 'c', 'd'}) answers.emplace_back(16000, letter);
    for (const std::string& each : answers) server.send(server.clients[0], each);
    Texts got;
    server.serve_until([&] {
      for (std::string& message : client.received()) got.push_back(std::move(message));
      return got.size() == answers.size();
    });
    CHECK((got == answers));
    server.answer = upper_case;
    CHECK(server.serves(client));
  }

  TEST_CASE("a client that does not take its answers is closed, and no other") {
    Server server;
    server.answer = {};
    TcpClient other = server.connect();
    TcpClient deaf = server.connect();
    deaf.send(framed("question"));
    server.serve_until_asked(1);
    const std::string answer(dns::limits::answer_octets, 'x');
    size_t sent = 0;
    const auto open = [&] { return server.deadline() == start + limits::tcp_idle; };
    server.time.now += 1s;
    server.answer = upper_case;
    CHECK(server.serves(other));  // its time is later than that of the deaf client
    while (open() && sent < 100) {
      server.send(server.clients[0], answer);
      ++sent;
    }
    CHECK_FALSE(open());
    CHECK(sent * answer.size() > limits::tcp_unsent_octets - answer.size());
    CHECK(deaf.is_closed());
    CHECK(server.serves(other));
  }

  TEST_CASE("of a client that does not take its answers, no more questions are handled") {
    Server server;
    server.answer = [](const std::string&) { return std::string(dns::limits::answer_octets, 'x'); };
    TcpClient deaf = server.connect();
    std::string questions;
    for (int i = 0; i < 100; ++i) questions += framed("question");
    deaf.send(questions);
    server.serve_until([&] { return !server.has_clients(); });
    CHECK(server.asked.size() > 2);
    CHECK(server.asked.size() < 20);
    server.send(server.clients[0], "late");  // it is gone, and nothing happens
    CHECK_FALSE(server.has_clients());
  }
}
