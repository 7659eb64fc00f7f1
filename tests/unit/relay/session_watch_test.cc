#include "relay/session_watch.h"

#include <string>

#include <doctest/doctest.h>

#include "../otlp/messages.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace std::chrono_literals;
using otlp::testing::field;

namespace {

using Active = SessionWatch::Active;

const std::string trace = "0123456789abcdef";
const std::string other_trace = "fedcba9876543210";
const std::string span = "01234567";

std::string item(otlp::Tag attributes, std::string_view session, std::string_view ids) {
  const std::string request =
      field(1, field(2, field(2, field(attributes, field(1, "session.id") + field(2, field(1, session))) +
                                     std::string(ids))));
  return request;
}

// What an export of logs says, such as claude_code.tool_result.
Post logs(std::string_view session, std::string_view in_trace = {}, std::string_view in_span = {}) {
  return {.signal = telemetry::Signal::logs,
          .body = item(6, session, field(9, in_trace) + field(10, in_span))};
}

Post traces(std::string_view session, std::string_view in_trace, std::string_view own_span) {
  return {.signal = telemetry::Signal::traces,
          .body = item(9, session, field(1, in_trace) + field(2, own_span))};
}

struct Watch {
  Active active() const { return watch.active(now); }
  void see(const Post& post) { watch.see(post, now); }

  SessionWatch watch;
  event::Time now{24h};
};

}  // namespace

TEST_SUITE("relay/session_watch") {
  TEST_CASE("the only session that is active is known, with its trace and span") {
    Watch it;
    CHECK(it.active() == Active{});
    it.see(logs("a"));
    CHECK(it.active() == Active{.sessions = 1, .session = "a"});
    it.see(logs("a", trace, span));
    CHECK(it.active() == Active{.sessions = 1, .session = "a", .trace = trace, .span = span});
    it.see(traces("a", trace, "another!"));
    CHECK(it.active() == Active{.sessions = 1, .session = "a", .trace = trace, .span = span});
  }

  TEST_CASE("of several sessions none is chosen, until only one is active again") {
    Watch it;
    it.see(logs("a", trace));
    it.now += 3min;
    it.see(traces("b", other_trace, span));
    CHECK(it.active() == Active{.sessions = 2});
    it.now += 2min;
    CHECK(it.active() == Active{.sessions = 2});
    it.now += 1s;
    CHECK(it.active() == Active{.sessions = 1, .session = "b"});
    it.now += 5min;
    CHECK(it.active() == Active{});
  }

  TEST_CASE("of several traces none is chosen, and none of a minute ago") {
    Watch it;
    it.see(logs("a", trace, span));
    it.now += 30s;
    it.see(logs("a", other_trace));
    CHECK(it.active() == Active{.sessions = 1, .session = "a"});
    it.now += 31s;
    CHECK(it.active() == Active{.sessions = 1, .session = "a", .trace = other_trace});
    it.now += 1min;
    CHECK(it.active() == Active{.sessions = 1, .session = "a"});
  }

  TEST_CASE("of several spans none is chosen") {
    Watch it;
    it.see(logs("a", trace, span));
    it.see(logs("a", trace, "another!"));
    it.see(logs("a", trace, span));
    CHECK(it.active() == Active{.sessions = 1, .session = "a", .trace = trace});
  }

  TEST_CASE("a trace that belongs to no active session says nothing") {
    Watch it;
    it.see(logs("b", trace));
    it.now += 1s;
    it.see(logs("a"));
    CHECK(it.active().sessions == 2);
    Watch other;
    other.see({.signal = telemetry::Signal::logs,
               .body = field(1, field(2, field(2, field(9, trace) + field(10, span))))});
    CHECK(other.active() == Active{});
  }

  TEST_CASE("a flood of sessions stays several sessions, within bounds") {
    Watch it;
    it.see(logs("honest"));
    for (int i = 0; i < 1000; ++i) it.see(logs(std::to_string(i), trace, span));
    CHECK(it.active() == Active{.sessions = relay::limits::sessions});
  }

  TEST_CASE("a session's id is a short text of visible characters; anything else is ignored") {
    Watch it;
    for (const std::string& id :
         {std::string("a b"), std::string("a\n"), std::string("\xc3\xa9"), std::string(129, 'a')})
      it.see(logs(id));
    it.see({.signal = telemetry::Signal::logs, .body = "{}"});
    it.see({.signal = telemetry::Signal::metrics, .body = logs("a").body});
    CHECK(it.active() == Active{});
    it.see(logs(std::string(128, 'a')));
    CHECK(it.active().session == std::string(128, 'a'));
  }
}
