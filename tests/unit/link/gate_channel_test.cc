#include "ostiary/link/gate_channel.h"

#include <doctest/doctest.h>

using namespace ostiary::gate;
using ostiary::Exit;
using namespace std::string_literals;

TEST_SUITE("link/gate_channel") {
  TEST_CASE("a message arrives as it was sent") {
    const auto message = parse_message(render_message(
        {.kind = Message::Kind::unresolved, .number = 7, .text = "a.\0example"s, .reason = "timed out"}));
    REQUIRE(message);
    CHECK(message->kind == Message::Kind::unresolved);
    CHECK(message->number == 7);
    CHECK(message->text == "a.\0example"s);
    CHECK(message->reason == "timed out");
  }

  TEST_CASE("a failure arrives with its exit status") {
    const auto message = parse_message(render_message(
        {.kind = Message::Kind::failed, .exit = Exit::not_permitted, .text = "no capability"}));
    REQUIRE(message);
    CHECK(message->kind == Message::Kind::failed);
    CHECK(message->exit == Exit::not_permitted);
    CHECK(message->text == "no capability");
  }

  TEST_CASE("a text that is too long is cut, so that every message fits a datagram") {
    const std::string endless(100'000, 'x');
    const std::string octets = render_message({.text = endless, .reason = endless});
    CHECK(octets.size() <= ostiary::keeper::limits::datagram);
    const auto message = parse_message(octets);
    REQUIRE(message);
    CHECK(message->text == endless.substr(0, 1024));
    CHECK(message->reason == endless.substr(0, 1024));
  }

  TEST_CASE("refuses messages that a gate does not send") {
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

  TEST_CASE("a command is one of the four, and nothing else") {
    for (const Command command : every_command) CHECK(parse_command(render_command(command)) == command);
    for (const auto& octets : {""s, "\4"s, "\377"s, "b"s, "\0\0"s}) CHECK_FALSE(parse_command(octets));
  }
}
