#include "relay/reporter.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "../event/made_up_time.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace std::chrono_literals;
using Kind = Report::Kind;
using Texts = std::vector<std::string>;

namespace {

std::string text(const Message& message) {
  using enum Message::Kind;
  const auto name = [&]() -> std::string {
    switch (message.kind) {
      case delivered:
        return "delivered";
      case delayed:
        return "delayed";
      case refused:
        return "refused " + std::to_string(message.number);
      case rejected:
        return "rejected " + std::to_string(message.number);
      case displaced:
        return "displaced " + std::to_string(message.number);
      case left_out:
        return "left out " + std::to_string(message.number);
      case forgotten:
        return "forgotten " + std::to_string(message.number);
      case unserved:
        return "unserved " + std::to_string(message.number);
      default:
        return "another kind";
    }
  };
  return message.text + " " + name() + (message.reason.empty() ? "" : ": " + message.reason);
}

struct Reported {
  void take(const std::string& collector, Kind kind, std::string why = "", uint64_t number = 0) {
    reporter.take(collector, {.kind = kind, .signal = {}, .why = std::move(why), .number = number});
  }
  void fail(std::string request, std::string why) {
    reporter.take("the API", FailedRequest{std::move(request), {403, std::move(why)}});
  }
  // Since the last call.
  Texts said() { return std::exchange(messages, {}); }

  event::testing::MadeUpTime time;
  Texts messages;
  Reporter reporter{*time.loop, [this](const Message& message) { messages.push_back(text(message)); }};
};

}  // namespace

TEST_SUITE("relay/reporter") {
  TEST_CASE("each change between delivered and delayed is told at once, and nothing else") {
    Reported reported;
    reported.take("c", Kind::delivered, "slow down");
    reported.take("c", Kind::delivered);
    CHECK(reported.said() == Texts{"c delivered: slow down"});
    reported.take("c", Kind::delayed, "503");
    reported.take("c", Kind::delayed, "no answer");
    CHECK(reported.said() == Texts{"c delayed: 503"});
    reported.take("c", Kind::delivered);
    CHECK(reported.said() == Texts{"c delivered"});
  }

  TEST_CASE("of many changes the first are told at once, and what holds at the end of the minute") {
    Reported reported;
    for (int i = 0; i < 10; ++i) {
      reported.take("c", Kind::delayed, "503");
      reported.take("c", Kind::delivered);
    }
    reported.take("c", Kind::delayed, "504");
    CHECK(reported.said() == Texts{"c delayed: 503", "c delivered", "c delayed: 503", "c delivered"});
    reported.take("d", Kind::delayed);
    CHECK(reported.said() == Texts{"d delayed"});
    reported.time.turn_after(60s);
    CHECK(reported.said() == Texts{"c delayed: 504"});
    reported.take("c", Kind::delivered);
    CHECK(reported.said() == Texts{"c delivered"});
    reported.time.turn_after(60s);
    CHECK(reported.said().empty());
  }

  TEST_CASE("requests that failed are counted, with the last one, which may be long") {
    Reported reported;
    reported.fail("GET /a", "no");
    CHECK(reported.said() == Texts{"the API unserved 1: GET /a: no"});
    reported.fail("GET /b", "no");
    reported.fail("", "a malformed head");
    CHECK(reported.said().empty());
    reported.time.turn_after(60s);
    CHECK(reported.said() == Texts{"the API unserved 2: a malformed head"});
    reported.fail("GET /" + std::string(1000, 'x'), "no");
    reported.time.turn_after(60s);
    CHECK(reported.said() == Texts{"the API unserved 1: GET /" + std::string(195, 'x') + ": no"});
  }

  TEST_CASE("collectors are told apart, and one may begin delayed") {
    Reported reported;
    reported.take("c", Kind::delivered);
    reported.take("d", Kind::delayed, "503");
    reported.take("c", Kind::delivered);
    CHECK(reported.said() == Texts{"c delivered", "d delayed: 503"});
  }

  TEST_CASE("a refusal changes no state") {
    Reported reported;
    reported.take("c", Kind::delivered);
    reported.take("c", Kind::refused, "400");
    reported.take("c", Kind::delivered);
    CHECK(reported.said() == Texts{"c delivered", "c refused 1: 400"});
  }

  TEST_CASE("the first count is told at once, and those of the next minute are told as one") {
    Reported reported;
    reported.take("c", Kind::refused, "400");
    CHECK(reported.said() == Texts{"c refused 1: 400"});
    reported.take("c", Kind::refused, "401");
    reported.take("c", Kind::rejected_in_part, "too old", 5);
    reported.take("c", Kind::rejected_in_part, "too new", 6);
    reported.take("d", Kind::displaced, "", 7);
    reported.take("c", Kind::refused, "402");
    reported.time.turn_after(60s - 1ms);
    CHECK(reported.said().empty());
    reported.time.turn_after(1ms);
    CHECK(reported.said() == Texts{"c refused 2: 402", "c rejected 11: too new", "d displaced 7"});
    reported.take("c", Kind::refused, "403");
    CHECK(reported.said().empty());
    reported.time.turn_after(60s);
    CHECK(reported.said() == Texts{"c refused 1: 403"});
  }

  TEST_CASE("points that are left out and sums that are given up are told once a minute") {
    Reported reported;
    reported.take("c", Kind::left_out, "no amount", 3);
    CHECK(reported.said() == Texts{"c left out 3: no amount"});
    for (int i = 0; i < 1000; ++i) reported.take("c", Kind::forgotten, "too many", 10);
    reported.take("c", Kind::left_out, "no amount", 2);
    CHECK(reported.said().empty());
    reported.time.turn_after(60s);
    CHECK(reported.said() == Texts{"c left out 2: no amount", "c forgotten 10000: too many"});
  }

  TEST_CASE("after a minute without a count the next one is told at once") {
    Reported reported;
    reported.take("c", Kind::refused, "400");
    reported.said();
    reported.time.turn_after(60s);
    CHECK(reported.said().empty());
    CHECK_FALSE(reported.time.loop->deadline());
    reported.take("c", Kind::refused, "401");
    CHECK(reported.said() == Texts{"c refused 1: 401"});
  }

  TEST_CASE("counts that wait can be told before their time") {
    Reported reported;
    reported.reporter.flush();
    CHECK(reported.said().empty());
    reported.take("c", Kind::refused, "400");
    reported.take("c", Kind::refused, "401");
    reported.said();
    reported.reporter.flush();
    CHECK(reported.said() == Texts{"c refused 1: 401"});
    reported.time.turn_after(60s);
    CHECK(reported.said().empty());
  }

  TEST_CASE("a number beyond 32 bits is told as the largest") {
    Reported reported;
    reported.take("c", Kind::rejected_in_part, "", uint64_t{1} << 40U);
    CHECK(reported.said() == Texts{"c rejected 4294967295"});
  }
}
