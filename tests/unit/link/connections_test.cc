#include "ostiary/link/connections.h"

#include <string>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "ostiary/keeper/channel.h"
#include "outcome.h"

using namespace ostiary;
using namespace ostiary::link;
using namespace std::string_literals;

TEST_SUITE("link/connections") {
  TEST_CASE("a request names a server by its number, and nothing else is one") {
    const std::string good = render(ConnectRequest{.id = 0xfffffffe, .server = 3});
    const auto request = parse_connect_request(good);
    REQUIRE(request);
    CHECK(request->id == 0xfffffffe);
    CHECK(request->server == 3);
    for (size_t size = 0; size < good.size(); ++size)
      CHECK_FALSE(parse_connect_request(good.substr(0, size)));
    CHECK_FALSE(parse_connect_request(good + "x"));
  }

  TEST_CASE("a reply has the number of its request and an error, and nothing else is one") {
    const std::string good = render(ConnectReply{.id = 7, .error = "192.0.2.1:443: Connection\0 refused"s});
    const auto reply = parse_connect_reply(good);
    REQUIRE(reply);
    CHECK(reply->id == 7);
    CHECK(reply->error == "192.0.2.1:443: Connection\0 refused"s);
    for (size_t size = 0; size < good.size(); ++size) CHECK_FALSE(parse_connect_reply(good.substr(0, size)));
    CHECK_FALSE(parse_connect_reply(good + "x"));
    CHECK(parse_connect_reply(render(ConnectReply{.id = 8}))->error.empty());
  }

  TEST_CASE("an error that is too long is cut, so that a reply fits a datagram") {
    const std::string octets = render(ConnectReply{.id = 1, .error = std::string(100'000, 'x')});
    CHECK(octets.size() <= keeper::limits::datagram);
    CHECK(parse_connect_reply(octets)->error == std::string(1024, 'x'));
  }

  TEST_CASE("the pair keeps messages apart, carries a descriptor, and waits for nobody") {
    const auto pair = make_connection_pair();
    REQUIRE_MESSAGE(pair, error_of(pair));
    for (const UniqueFd* end : {&pair->gate, &pair->relay}) {
      CHECK((::fcntl(end->get(), F_GETFD) & FD_CLOEXEC) != 0);
      CHECK((::fcntl(end->get(), F_GETFL) & O_NONBLOCK) != 0);
    }
    CHECK_FALSE(keeper::receive(pair->gate.get()));
    REQUIRE(keeper::send(pair->relay.get(), "one"));
    REQUIRE(keeper::send(pair->relay.get(), "two"));
    CHECK(keeper::receive(pair->gate.get()).value() == "one");
    CHECK(keeper::receive(pair->gate.get()).value() == "two");
    REQUIRE(keeper::send_with_descriptor(pair->gate.get(), "a", pair->gate.get()));
    CHECK(keeper::receive_with_descriptor(pair->relay.get()).value()->descriptor.valid());
  }
}
