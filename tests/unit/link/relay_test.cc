#include "ostiary/link/relay.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ostiary/keeper/channel.h"
#include "outcome.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace std::chrono_literals;
using namespace std::string_literals;

TEST_SUITE("link/relay") {
  TEST_CASE("a message arrives as it was sent") {
    for (const Message::Kind kind : every_message_kind) {
      const auto message = parse_message(render_message({.kind = kind,
                                                         .exit = Exit::not_permitted,
                                                         .number = 7,
                                                         .status = 9,
                                                         .text = "a.\0example"s,
                                                         .reason = "HTTP 503"}));
      REQUIRE(message);
      CHECK(message->kind == kind);
      CHECK(message->exit == Exit::not_permitted);
      CHECK(message->number == 7);
      CHECK(message->status == 9);
      CHECK(message->text == "a.\0example"s);
      CHECK(message->reason == "HTTP 503");
    }
  }

  TEST_CASE("a text that is too long is cut, so that every message fits a datagram") {
    const std::string endless(100'000, 'x');
    const std::string octets = render_message({.text = endless, .reason = endless});
    CHECK(octets.size() <= keeper::limits::datagram);
    const auto message = parse_message(octets);
    REQUIRE(message);
    CHECK(message->text == endless.substr(0, 1024));
    CHECK(message->reason == endless.substr(0, 1024));
  }

  TEST_CASE("refuses messages that a relay does not send") {
    const std::string good = render_message({.kind = Message::Kind::failed, .text = "a", .reason = "b"});
    REQUIRE(parse_message(good));
    for (size_t size = 0; size < good.size(); ++size) CHECK_FALSE(parse_message(good.substr(0, size)));
    CHECK_FALSE(parse_message(good + "c"));
    for (int kind = 0; kind < 256; ++kind) {
      std::string octets = good;
      octets[0] = static_cast<char>(kind);
      CHECK(parse_message(octets).has_value() == (kind <= static_cast<int>(Message::Kind::failed)));
    }
    std::string octets = good;
    octets[1] = 0;  // an exit status that ostiary does not have
    CHECK_FALSE(parse_message(octets));
  }

  TEST_CASE("a request to drain has a time limit, and nothing else is one") {
    const std::string good = render_drain({.time_limit = 2500ms});
    const auto drain = parse_drain(good);
    REQUIRE(drain);
    CHECK(drain->time_limit == 2500ms);
    for (size_t size = 0; size < good.size(); ++size) CHECK_FALSE(parse_drain(good.substr(0, size)));
    CHECK_FALSE(parse_drain(good + "c"));
  }

  TEST_CASE("a relay beside a root agent never starts again, since it would read replaced files") {
    CHECK(start_modes_beside(0).first == keeper::StartMode::exec);
    CHECK(start_modes_beside(0).later == keeper::StartMode::never);
    CHECK(start_modes_beside(1000).later == keeper::StartMode::exec);
  }

  TEST_CASE("a start has the setup without a secret, and a pipe of its own for the credentials") {
    Setup setup;
    setup.attributes = {{.name = "team", .value = "a"}};
    Credentials credentials;
    credentials.emplace_back("x-key: hunter2\r\n");
    auto start = prepare_start(setup, credentials,
                               {.listener = 40,
                                .gate = 41,
                                .audit = 44,
                                .spools = {42, 43, -1},
                                .forwards = {45, 46, -1, -1, -1, -1, -1, -1, -1}});
    REQUIRE_MESSAGE(start, error_of(start));
    CHECK(start->setup == render_setup(setup));
    CHECK_FALSE(start->setup.contains("hunter2"));
    REQUIRE(start->owned.size() == 1);
    std::vector<keeper::NamedFd> expected{{fd_name::credentials, start->owned[0].get()},
                                          {fd_name::listener, 40},
                                          {fd_name::gate, 41},
                                          {fd_name::audit, 44},
                                          {fd_name::spools[0], 42},
                                          {fd_name::spools[1], 43},
                                          {fd_name::spools[2], -1},
                                          {fd_name::forwards[0], 45},
                                          {fd_name::forwards[1], 46}};
    for (size_t i = 2; i < fd_name::forwards.size(); ++i) expected.push_back({fd_name::forwards.at(i), -1});
    REQUIRE(start->descriptors.size() == expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      CHECK(start->descriptors[i].name == expected[i].name);
      CHECK(start->descriptors[i].fd == expected[i].fd);
    }
    const auto read = read_credentials(std::move(start->owned[0]));
    REQUIRE(read);
    CHECK(read->at(0).reveal() == "x-key: hunter2\r\n");
  }

  TEST_CASE("a spool is an empty file in memory, which no program inherits") {
    const auto spool = open_spool();
    REQUIRE_MESSAGE(spool, error_of(spool));
    CHECK(::lseek(spool->get(), 0, SEEK_END) == 0);
    CHECK((::fcntl(spool->get(), F_GETFD) & FD_CLOEXEC) != 0);
  }

  TEST_CASE("a program that is not beside ours is an error that says what to do") {
    const auto program = open_program();
    if (program) return;  // it was built beside the tests
    CHECK(error_of(program).contains("/ostiary-relay: "));
    CHECK(error_of(program).ends_with(
        ": install it beside ostiary, or write --relay off and --api-relay off, and leave out relays"));
    CHECK(status_of(program) == 69);
  }
}
