// What the relay of requests holds, and for how long.
#include "relay/request_limits.h"

#include <algorithm>
#include <array>

#include "freed_memory.h"
#include "request_world.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace ostiary::relay::testing;
using namespace std::chrono_literals;

namespace {

const std::string chunked_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

// The buffers of the sockets on the way, and those of TLS.
constexpr size_t on_the_way = size_t{2} << 20U;

Forwarding in_plain_text(Forwarding to) {
  to.transport = Forwarding::Transport::plain_text;
  return to;
}

// A server in plain text whose end of each connection the test holds.
struct Plain : World {
  explicit Plain(Forwarding to = forwarding()) : World(in_plain_text(std::move(to))) {
    holds_connects = true;
  }
  // Connects what waits.
  void connect_all() {
    for (const Exporter::Connected& connected : std::exchange(held, {})) {
      auto [ours, theirs] = connected_ends();
      ends.push_back(std::move(theirs));
      connected(std::move(ours));
    }
  }
  std::string read(size_t number) {
    std::string text(65536, '\0');
    const ssize_t got = ::recv(ends.at(number).get(), text.data(), text.size(), MSG_DONTWAIT);
    text.resize(got < 0 ? 0 : static_cast<size_t>(got));
    return text;
  }
  void write(size_t number, std::string_view text) {
    REQUIRE(::send(ends.at(number).get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
    serve();
  }

  std::vector<UniqueFd> ends;
};

}  // namespace

TEST_SUITE("relay/request_limits") {
  TEST_CASE("while the client does not read, the server is not read, and nothing is lost") {
    constexpr size_t pieces = 1024;
    const std::string piece(16384, 'x');
    std::atomic<size_t> written = 0;
    World world;
    world.scripts.push_back([&](TlsPeer::Connection& connection) {
      (void)connection.read_request();
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(pieces * piece.size()) +
                       "\r\n\r\n");
      for (size_t i = 0; i < pieces; ++i) {
        connection.write(piece);
        written += piece.size();
      }
    });
    LoopbackClient client = world.client(little_room);
    client.send(post("{}"));
    // Until the server is stuck.
    for (size_t before = SIZE_MAX; written == 0 || before != written;) {
      before = written;
      for (int i = 0; i < 2000; ++i) world.time.turn();
    }
    CHECK(written < on_the_way);
    CHECK_FALSE(client.has_ended());
    world.until([&] { return client.received().size() > pieces * piece.size(); });
    CHECK(client.received().ends_with(piece));
    CHECK(std::ranges::count(client.received(), 'x') == static_cast<long>(pieces * piece.size()));
  }

  TEST_CASE("while the server does not read, the client is not read, and nothing is lost") {
    constexpr size_t pieces = 1024;
    const std::string piece(16384, 'x');
    Gate gate;
    World world;
    world.scripts.push_back([&](TlsPeer::Connection& connection) {
      Reader reader(connection);
      (void)reader.until("\r\n\r\n");
      gate.pass();
      size_t arrived = 0;
      while (arrived < pieces * piece.size()) {
        const std::string more = connection.read();
        if (more.empty()) return;
        arrived += more.size();
      }
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n" + std::to_string(arrived));
    });
    LoopbackClient client = world.client();
    client.send("POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                std::to_string(pieces * piece.size()) + "\r\n\r\n");
    world.serve();
    size_t sent = 0;
    const auto offer = [&] {
      const size_t before = sent;
      while (sent < pieces * piece.size()) {
        const size_t more = client.offer(std::string_view(piece).substr(0, pieces * piece.size() - sent));
        if (more == 0) break;
        sent += more;
      }
      for (int i = 0; i < 200; ++i) world.time.turn();
      return sent - before;
    };
    for (int idle = 0; idle < 20;) idle = offer() == 0 ? idle + 1 : 0;
    CHECK(sent < on_the_way + (size_t{4} << 20U));  // the client's own buffer is of the kernel's choice
    CHECK(sent < pieces * piece.size());
    gate.open();
    world.until([&] {
      (void)offer();
      return client.received().ends_with("16777216");
    });
  }

  TEST_CASE("a body that waits for the connection goes on when there is one") {
    Plain world;
    LoopbackClient client = world.client();
    const std::string whole = post(std::string(1'000'000, 'x'));
    size_t sent = 0;
    const auto offer = [&] {
      for (int i = 0; i < 100; ++i) {
        sent += client.offer(std::string_view(whole).substr(sent, 16384));
        world.serve();
      }
    };
    offer();
    world.connect_all();
    std::string arrived;
    for (int i = 0; i < 100 && arrived.size() < whole.size(); ++i) {
      offer();
      while (true) {
        const std::string more = world.read(0);
        if (more.empty()) break;
        arrived += more;
        world.serve();
      }
    }
    CHECK(sent == whole.size());
    CHECK(arrived.ends_with(whole.substr(whole.find("\r\n\r\n"))));
  }

  TEST_CASE("requests of another forward count, and many forwards share the connections") {
    Plain world;
    world.exchanges = request_limits::exchanges;
    CHECK(world.refusal(post("{}")).contains("too many requests are under way"));
    world.exchanges = request_limits::exchanges - 1;
    LoopbackClient client = world.client();
    client.send(post("{}"));
    world.serve();
    CHECK(world.held.size() == 1);
    CHECK(world.exchanges == request_limits::exchanges);
    CHECK(world.refusal(post("{}")).contains("too many requests are under way"));
    CHECK(request_limits::connections_of_each(1) == 256);
    CHECK(request_limits::connections_of_each(2) == 256);
    CHECK(request_limits::connections_of_each(9) == 56);
    // A new connection must not close one that is busy.
    for (size_t forwards = 1; forwards <= 9; ++forwards) {
      const size_t connections = request_limits::connections_of_each(forwards);
      CHECK(request_limits::exchanges_within(connections) < connections);
    }
  }

  TEST_CASE("100 streams at once are served, and beyond the limit the answer is 503") {
    Plain world;
    std::vector<LoopbackClient> clients;
    for (size_t i = 0; i < request_limits::exchanges; ++i) {
      clients.push_back(world.client());
      clients.back().send(post(std::to_string(i)));
      world.serve();
    }
    world.connect_all();
    world.serve();
    REQUIRE(world.ends.size() == request_limits::exchanges);
    static_assert(request_limits::exchanges >= 100);
    for (size_t i = 0; i < clients.size(); ++i) {
      CHECK(world.read(i).ends_with("\r\n\r\n" + std::to_string(i)));
      world.write(i, chunked_head + "1\r\na\r\n");
    }
    for (LoopbackClient& client : clients) CHECK(client.received() == chunked_head + "1\r\na\r\n");
    const std::string beyond = world.refusal(post("{}"));
    CHECK(beyond.starts_with("HTTP/1.1 503 Refused\r\nRetry-After: 1\r\n"));
    CHECK(beyond.contains("too many requests are under way"));
    for (size_t i = 0; i < clients.size(); ++i) {
      world.write(i, "1\r\nb\r\n0\r\n\r\n");
      CHECK(clients[i].received() == chunked_head + "1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
    }
    LoopbackClient next = world.client();
    next.send(post("{}"));
    world.serve();
    CHECK(next.received().empty());
    CHECK(world.held.empty());  // it uses a connection that waits
  }

  TEST_CASE("10,000 connections disturb no request under way") {
    Plain world;
    LoopbackClient busy = world.client();
    busy.send(post("{}"));
    world.serve();
    world.connect_all();
    world.write(0, chunked_head + "1\r\na\r\n");
    std::deque<LoopbackClient> others;
    for (int i = 0; i < 10'000; ++i) {
      world.time.now += 1ms;
      others.push_back(world.client());
      if (i % 2 == 0) others.back().send("POST /v1");
      if (others.size() > 300) others.pop_front();
    }
    CHECK(others.front().has_ended());
    CHECK_FALSE(others.back().has_ended());
    world.write(0, "1\r\nb\r\n0\r\n\r\n");
    CHECK(busy.received() == chunked_head + "1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
  }

  TEST_CASE("each part of a request and of its answer has a limit of time") {
    Plain world;
    LoopbackClient client = world.client();
    const std::string begun = "POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx";
    SUBCASE("a head that comes octet by octet") {
      client.send("POST");
      world.serve();
      world.time.turn_after(request_limits::head_time - 1ms);
      client.send(" ");
      world.serve();
      CHECK_FALSE(client.has_ended());
      world.time.turn_after(1ms);
      CHECK(client.has_ended());
    }
    SUBCASE("a connection without a request") {
      world.time.turn_after(request_limits::idle - 1ms);
      CHECK_FALSE(client.has_ended());
      world.time.turn_after(1ms);
      CHECK(client.has_ended());
    }
    SUBCASE("a server that is not connected") {
      client.send(post("{}"));
      world.serve();
      world.time.turn_after(request_limits::connect_time - 1ms);
      CHECK(client.received().empty());
      world.time.turn_after(1ms);
      CHECK(client.received().starts_with("HTTP/1.1 503 Refused\r\nRetry-After: 1\r\n"));
      CHECK(client.received().contains("the server cannot be reached in time"));
      world.connect_all();  // too late
      CHECK(world.read(0).empty());
    }
    SUBCASE("a body that pauses") {
      client.send(begun);
      world.serve();
      world.connect_all();
      for (int i = 0; i < 3; ++i) {
        world.time.turn_after(request_limits::request_silence - 1ms);
        client.send("x");
        world.serve();
      }
      CHECK(client.received().empty());
      world.time.turn_after(request_limits::request_silence);
      CHECK(status_of(client.received()) == "408");
    }
    SUBCASE("a body that goes on for ever, slowly") {
      client.send(begun);
      world.serve();
      world.connect_all();
      const event::Time start = world.time.now;
      for (int i = 0; i < 200 && client.received().empty(); ++i) {
        world.time.turn_after(30s);
        if (client.offer("x") == 0) break;
        world.serve();
      }
      CHECK(status_of(client.received()) == "408");
      CHECK(world.time.now - start == request_limits::request_time);
    }
    SUBCASE("silence before the answer, and within it") {
      static_assert(request_limits::response_silence >= 300s);
      for (const bool begins : {false, true}) {
        LoopbackClient one = world.client();
        one.send(post("{}"));
        world.serve();
        world.connect_all();
        if (begins) world.write(world.ends.size() - 1, chunked_head + "1\r\na\r\n");
        for (int i = 0; i < 3 && begins; ++i) {
          world.time.turn_after(request_limits::response_silence - 1ms);
          world.write(world.ends.size() - 1, "1\r\na\r\n");
        }
        const std::string before = one.received();
        world.time.turn_after(request_limits::response_silence - 1ms);
        world.serve();
        CHECK_FALSE(one.has_ended());
        world.time.turn_after(1ms);
        world.serve();
        CHECK(one.has_ended());
        if (begins)
          CHECK(one.received() == before);
        else
          CHECK(status_of(one.received()) == "504");
      }
    }
    SUBCASE("an answer's head that comes octet by octet") {
      client.send(post("{}"));
      world.serve();
      world.connect_all();
      const std::string head = "HTTP/1.1 200 OK";
      for (const char& octet : head) {
        CHECK(client.received().empty());
        world.write(0, {&octet, 1});
        world.time.turn_after(request_limits::response_silence / head.size());
      }
      CHECK(status_of(client.received()) == "504");
    }
    SUBCASE("a client that does not read its answer") {
      LoopbackClient deaf = world.client(little_room);
      deaf.send(post("{}"));
      world.serve();
      world.connect_all();
      world.write(0, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
      const std::string piece(16384, 'x');
      const auto fill = [&] {
        bool moved = false;
        while (::send(world.ends.at(0).get(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
          moved = true;
        for (int i = 0; i < 200; ++i) world.time.turn();
        return moved;
      };
      for (int idle = 0; idle < 5;) idle = fill() ? 0 : idle + 1;
      world.time.turn_after(request_limits::response_silence);
      world.serve();
      CHECK(world.reports.size() == 1);
      const ssize_t sent = ::send(world.ends.at(0).get(), "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
      CHECK(sent == -1);
      CHECK(errno == EPIPE);
    }
  }

  TEST_CASE("a connection that the server closes just before its next request is not used") {
    Plain world;
    LoopbackClient client = world.client();
    client.send(post("{}"));
    world.serve();
    world.connect_all();
    world.write(0, ok);
    CHECK(client.received() == ok);
    // Both are in one batch of events, the request first. The connection still takes octets.
    client.send(post("next"));
    REQUIRE(::shutdown(world.ends.at(0).get(), SHUT_WR) == 0);
    world.serve();
    CHECK(client.received() == ok);
    REQUIRE(world.held.size() == 1);
    world.connect_all();
    CHECK(world.read(1).ends_with("\r\n\r\nnext"));
    world.write(1, ok);
    CHECK(client.received() == ok + ok);
  }

  // With a credential of its own, and without a peer in another thread: this thread can get memory that
  // was theirs.
  TEST_CASE("no memory that the relay frees has the operator's credential") {
    Forwarding to = forwarding();
    to.header_lines = Secret("X-Api-Key: b25seSBoZXJl\r\n");
    Plain world(std::move(to));
    LoopbackClient client = world.client();
    std::array<char, 4096> request{};
    const ostiary::testing::FreedMemory freed("X-Api-Key: b25seSBoZXJl");
    for (int i = 0; i < 2; ++i) {
      client.send(post("{}"));
      world.serve();
      world.connect_all();
      const ssize_t octets = ::recv(world.ends.at(0).get(), request.data(), request.size(), MSG_DONTWAIT);
      REQUIRE(octets > 0);
      CHECK(
          std::string_view(request.data(), static_cast<size_t>(octets)).contains("X-Api-Key: b25seSBoZXJl"));
      world.write(0, ok);
    }
    CHECK(client.received() == ok + ok);
    CHECK(freed.count() == 0);
  }

  TEST_CASE("a client that leaves while it does not read cuts the server's connection") {
    Plain world;
    std::optional<LoopbackClient> deaf(world.client(little_room));
    deaf->send(post("{}"));
    world.serve();
    world.connect_all();
    world.write(0, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
    const std::string piece(16384, 'x');
    for (int i = 0; i < 200; ++i) {
      (void)::send(world.ends.at(0).get(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      world.serve();
    }
    deaf.reset();
    world.serve();
    CHECK(::send(world.ends.at(0).get(), "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == -1);
    CHECK(world.time.loop->deadline() == event::Deadline{});
  }

  TEST_CASE("a server that resets its connection while the client does not read costs no time") {
    Plain world;
    LoopbackClient deaf = world.client(little_room);
    deaf.send(post("{}"));
    world.serve();
    world.connect_all();
    world.write(0, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
    const std::string piece(16384, 'x');
    for (int i = 0; i < 200; ++i) {
      (void)::send(world.ends.at(0).get(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      world.serve();
    }
    world.ends.clear();
    for (int i = 0; i < 20; ++i) world.time.turn();
    pollfd ready{.fd = world.time.loop->fd(), .events = POLLIN, .revents = 0};
    CHECK(::poll(&ready, 1, 0) == 0);  // no event waits: the loop would not rest
    world.until([&] { return deaf.has_ended() || (world.time.turn(), deaf.has_ended()); });
    CHECK(deaf.received().size() < 100000000);
  }
}
