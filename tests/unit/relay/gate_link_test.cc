#include "relay/gate_link.h"

#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../event/made_up_time.h"
#include "ostiary/keeper/channel.h"
#include "outcome.h"
#include "relay/limits.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

namespace {

constexpr uint32_t first_id = 0xfffffffe;

// A relay's end, whose gate is the test.
struct Linked {
  Linked() { REQUIRE(link.start()); }

  // Notes how the request ends.
  void connect(uint32_t server = 0) {
    link.connect(
        server, [this](Result<UniqueFd> socket) { ends.push_back(socket ? "connected" : error_of(socket)); });
  }
  // The request that the gate reads next. Nothing if none has arrived.
  std::optional<link::ConnectRequest> request() {
    char octet = 0;
    if (::recv(pair.gate.get(), &octet, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) return std::nullopt;
    return link::parse_connect_request(keeper::receive(pair.gate.get()).value().value());
  }
  void reply(uint32_t id, std::string error = "") {
    REQUIRE(keeper::send(pair.gate.get(), link::render(link::ConnectReply{id, std::move(error)})));
    time.turn();
  }
  // Passes one end of a connection. Returns the other.
  UniqueFd pass_socket(uint32_t id, std::string error = "") {
    int ends_of_it[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_of_it) == 0);
    const UniqueFd passed(ends_of_it[0]);
    REQUIRE(keeper::send_with_descriptor(
        pair.gate.get(), link::render(link::ConnectReply{id, std::move(error)}), passed.get()));
    time.turn();
    return UniqueFd(ends_of_it[1]);
  }

  event::testing::MadeUpTime time;
  link::ConnectionPair pair = link::make_connection_pair().value();
  Texts ends;
  GateLink link{*time.loop, std::move(pair.relay), first_id};
};

bool is_closed(const UniqueFd& other_end) {
  char octet = 0;
  return ::recv(other_end.get(), &octet, 1, MSG_DONTWAIT) == 0;
}

}  // namespace

TEST_SUITE("relay/gate_link") {
  TEST_CASE("asks for a server by its number, each time with the next id") {
    Linked linked;
    for (const uint32_t server : {5U, 0U, 5U}) linked.connect(server);
    for (const auto& [id, server] : {std::pair{0xfffffffeU, 5U}, {0xffffffffU, 0U}, {0U, 5U}}) {
      const auto request = linked.request();
      REQUIRE(request);
      CHECK(request->id == id);
      CHECK(request->server == server);
    }
    CHECK_FALSE(linked.request());
    CHECK(linked.ends.empty());
  }

  TEST_CASE("the connected socket comes from the gate, and is the one that it passed") {
    Linked linked;
    UniqueFd connected;
    linked.link.connect(0, [&](Result<UniqueFd> socket) { connected = std::move(socket).value(); });
    const UniqueFd server = linked.pass_socket(first_id);
    REQUIRE(connected.valid());
    CHECK((::fcntl(connected.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(::send(connected.get(), "x", 1, MSG_NOSIGNAL) == 1);
    char octet = 0;
    CHECK(::recv(server.get(), &octet, 1, MSG_DONTWAIT) == 1);
  }

  TEST_CASE("replies may come in any order") {
    Linked linked;
    linked.connect();
    linked.connect();
    linked.reply(first_id + 1, "second");
    linked.reply(first_id, "first");
    CHECK(linked.ends == Texts{"second", "first"});
  }

  TEST_CASE("the gate's error ends the request, and a socket beside it is closed") {
    Linked linked;
    linked.connect();
    linked.reply(first_id, "192.0.2.1:443: Connection refused");
    linked.connect();
    const UniqueFd other = linked.pass_socket(first_id + 1, "no");
    CHECK(linked.ends == Texts{"192.0.2.1:443: Connection refused", "no"});
    CHECK(is_closed(other));
  }

  TEST_CASE(
      "a reply to another process or to a request that has ended is ignored, and its socket is closed") {
    Linked linked;
    linked.connect();
    const UniqueFd foreign = linked.pass_socket(7);
    CHECK(is_closed(foreign));
    CHECK(linked.ends.empty());
    const UniqueFd right = linked.pass_socket(first_id);
    const UniqueFd again = linked.pass_socket(first_id);
    CHECK(is_closed(again));
    CHECK(linked.ends == Texts{"connected"});
  }

  TEST_CASE("a malformed reply is ignored, and the request goes on") {
    Linked linked;
    linked.connect();
    REQUIRE(keeper::send(linked.pair.gate.get(), "x"));
    linked.time.turn();
    CHECK(linked.ends.empty());
    linked.reply(first_id, "no");
    CHECK(linked.ends == Texts{"no"});
  }

  TEST_CASE("a gate that does not reply in time is an error, and its later reply is ignored") {
    Linked linked;
    linked.connect();
    linked.time.turn_after(limits::time_to_connect - 1ms);
    CHECK(linked.ends.empty());
    linked.time.turn_after(1ms);
    CHECK(linked.ends == Texts{"the gate made no connection in time"});
    const UniqueFd late = linked.pass_socket(first_id);
    CHECK(is_closed(late));
    CHECK(linked.ends.size() == 1);
    CHECK_FALSE(linked.time.loop->deadline());
  }

  TEST_CASE("a gate that reads no request is an error at once") {
    Linked linked;
    size_t requests = 0;
    for (; linked.ends.empty() && requests < 100'000; ++requests) linked.connect();
    CHECK(linked.ends == Texts{"the gate takes no request"});
    CHECK(requests > 10);
  }

  TEST_CASE("a request may follow within the end of another") {
    Linked linked;
    linked.link.connect(0, [&](const Result<UniqueFd>&) { linked.connect(3); });
    linked.request();
    linked.reply(first_id, "no");
    const auto next = linked.request();
    REQUIRE(next);
    CHECK(next->id == first_id + 1);
    CHECK(next->server == 3);
  }

  TEST_CASE("the loop ends if the keeper, which has the gate's end too, has ended") {
    Linked linked;
    linked.pair.gate.reset();
    const auto ended = linked.time.loop->turn(0ms);
    CHECK(error_of(ended) == "the gate's end is closed");
  }
}
