#include "ostiary/event/stream_server.h"

#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "loopback.h"
#include "made_up_time.h"

using namespace ostiary;
using namespace ostiary::event;
using namespace ostiary::event::testing;
using namespace std::chrono_literals;

namespace {

constexpr int little_room = 16384;
constexpr size_t unsent_limit = 100'000;

std::span<const uint8_t> octets_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// A server of streams that note what they take.
struct Server {
  class Notes : public Stream {
   public:
    explicit Notes(Server& server) : server_(server) {}
    ~Notes() override { ++server_.ended; }
    Taken take(std::span<const uint8_t> octets) override {
      server_.taken.append(octets.begin(), octets.end());
      return Taken::part_of_message;
    }
    void drained() override {
      ++server_.drained;
      if (server_.on_drained) server_.on_drained();
    }

   private:
    Server& server_;
  };

  Server() { REQUIRE(streams.start()); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::vector<UniqueFd> listen() {
    ::setsockopt(listener.fd.get(), SOL_SOCKET, SO_SNDBUF, &little_room, sizeof little_room);
    return listener.take();
  }
  LoopbackClient client() {
    LoopbackClient made(listener.address(), little_room);
    turn();
    return made;
  }
  void turn() {
    for (int i = 0; i < 5; ++i) time.turn();
  }
  void send(std::string_view text, StreamServer::Then then = StreamServer::Then::keep) {
    streams.send(ids.back(), octets_of(text), then);
  }

  MadeUpTime time;
  LoopbackListener listener;
  std::vector<StreamId> ids;
  std::string taken;
  int drained = 0;
  int ended = 0;
  std::function<void()> on_drained;
  StreamServer streams{*time.loop,
                       listen(),
                       {.connections = 4, .unsent_octets = unsent_limit, .read_octets = 1000, .idle = 10s},
                       [this](StreamId id) {
                         ids.push_back(id);
                         return std::make_shared<Notes>(*this);
                       }};
};

}  // namespace

TEST_SUITE("event/stream_server") {
  TEST_CASE("of a paused client nothing is read until it goes on") {
    Server server;
    const LoopbackClient client = server.client();
    client.send("one");
    server.turn();
    server.streams.pause(server.ids[0]);
    client.send("two");
    server.turn();
    CHECK(server.taken == "one");
    server.streams.go_on(server.ids[0]);
    server.turn();
    CHECK(server.taken == "onetwo");
  }

  TEST_CASE("a paused client that leaves is closed, also with octets that were not read") {
    Server server;
    std::optional<LoopbackClient> client(server.client());
    server.streams.pause(server.ids[0]);
    client->send("unread");
    server.turn();
    CHECK(server.ended == 0);
    client.reset();
    server.turn();
    CHECK(server.ended == 1);
    CHECK(server.taken.empty());
    CHECK_FALSE(server.streams.is_open(server.ids[0]));
  }

  TEST_CASE("a stream learns when a slow client has all that was sent, and may then send more") {
    Server server;
    LoopbackClient client = server.client();
    server.send("quick");
    server.turn();
    CHECK(server.drained == 0);  // nothing waited
    const std::string much(unsent_limit, 'x');
    server.send(much);
    CHECK(server.streams.unsent_octets(server.ids[0]) > 0);
    server.on_drained = [&] {
      if (server.drained == 1) server.send("more");
    };
    for (int i = 0; i < 100 && !client.received().ends_with("more"); ++i) server.turn();
    CHECK(client.received() == "quick" + much + "more");
    CHECK(server.streams.unsent_octets(server.ids[0]) == 0);
    CHECK(server.drained == 1);
  }

  TEST_CASE("a stream may be closed by what it does when its octets are sent") {
    Server server;
    LoopbackClient client = server.client();
    server.send(std::string(unsent_limit, 'x'));
    server.on_drained = [&] {
      server.streams.cut(server.ids[0]);
      CHECK(server.ended == 0);  // it outlives its call
    };
    for (int i = 0; i < 100 && !client.has_ended(); ++i) server.turn();
    CHECK(server.drained == 1);
    CHECK(server.ended == 1);
  }

  TEST_CASE("a connection that closes after its last octets is not paused, and its stream has ended") {
    Server server;
    LoopbackClient client = server.client();
    server.streams.pause(server.ids[0]);
    server.send("last", StreamServer::Then::close);
    CHECK(server.ended == 1);
    client.send("ignored");
    server.turn();
    CHECK(client.has_ended());
    CHECK(client.received() == "last");
    CHECK(server.taken.empty());
  }

  TEST_CASE("a stream sets the time at which its connection closes") {
    Server server;
    LoopbackClient client = server.client();
    server.streams.set_deadline(server.ids[0], server.time.now + 60s);
    server.time.turn_after(59s);
    CHECK_FALSE(client.has_ended());
    server.time.turn_after(1s);
    CHECK(client.has_ended());
  }

  TEST_CASE("a new client closes no connection that waits without a limit") {
    Server server;
    LoopbackClient busy = server.client();
    server.streams.set_deadline(server.ids[0], Time::max());
    std::vector<LoopbackClient> others;
    for (int i = 0; i < 8; ++i) others.push_back(server.client());
    server.time.turn_after(3600s);
    CHECK_FALSE(busy.has_ended());
    CHECK(others.front().has_ended());
    CHECK(server.streams.is_open(server.ids[0]));
  }

  TEST_CASE("if every connection waits without a limit, a new one is closed") {
    Server server;
    std::vector<LoopbackClient> busy;
    for (size_t i = 0; i < 8 && (busy.empty() || server.ids.size() == i); ++i) {
      busy.push_back(server.client());
      if (server.ids.size() == i + 1) server.streams.set_deadline(server.ids[i], Time::max());
    }
    const size_t served = server.ids.size();
    LoopbackClient another = server.client();
    CHECK(another.has_ended());
    CHECK(server.ids.size() == served);
    for (size_t i = 0; i < served; ++i) CHECK(server.streams.is_open(server.ids[i]));
  }

  TEST_CASE("a connection that is cut ends at once") {
    Server server;
    LoopbackClient client = server.client();
    server.streams.cut(server.ids[0]);
    CHECK(server.ended == 1);
    CHECK(client.has_ended());
    // Nothing happens to a later connection of the same number.
    LoopbackClient next = server.client();
    server.streams.cut(server.ids[0]);
    server.streams.pause(server.ids[0]);
    next.send("heard");
    server.turn();
    CHECK(server.taken == "heard");
  }
}
