#include "gate/channel.h"

#include <doctest/doctest.h>

using ostiary::gate::Message;
using ostiary::gate::parse_message;
using ostiary::gate::render_message;
using namespace std::string_view_literals;

TEST_SUITE("gate/channel") {
  TEST_CASE("a message arrives as it was sent") {
    const auto message = parse_message(render_message(
        {.kind = Message::Kind::unresolved, .number = 7, .text = "a.example", .reason = "timed out"}));
    REQUIRE(message);
    CHECK(message->kind == Message::Kind::unresolved);
    CHECK(message->number == 7);
    CHECK(message->text == "a.example");
    CHECK(message->reason == "timed out");
  }

  TEST_CASE("a NUL ends only its text") {
    const auto message = parse_message(
        render_message({.text = std::string("one\0two"sv), .reason = std::string("why\0not"sv)}));
    REQUIRE(message);
    CHECK(message->text == "one");
    CHECK(message->reason == "why");
  }

  TEST_CASE("refuses messages that a gate does not send") {
    for (const auto octets :
         {"0"sv, "07"sv, "07\0"sv, "07\0a\0b"sv, "87\0\0\0"sv, "97\0\0\0"sv, "07\0a\0b\0c"sv,
          "07\0a\0b\0\0"sv, "07x\0a\0b\0"sv, "0\0a\0b\0"sv, "0-7\0a\0b\0"sv, "007\0a\0b\0"sv, "0 7\0\0\0"sv})
      CHECK_FALSE(parse_message(octets));
  }
}
