#include "ostiary/event/loop.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "allocations.h"
#include "made_up_time.h"

using namespace ostiary;
using namespace ostiary::event;
using namespace std::chrono_literals;
using event::testing::MadeUpTime;

namespace {

// Two connected sockets. `near` is readable once the test has written to `far`.
struct Pair {
  Pair() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
    near = UniqueFd(ends[0]);
    far = UniqueFd(ends[1]);
  }
  void write() const { REQUIRE(::write(far.get(), "x", 1) == 1); }
  void read() const {
    char octet = 0;
    REQUIRE(::read(near.get(), &octet, 1) == 1);
  }

  UniqueFd near;
  UniqueFd far;
};

Watch watch(Loop& loop, const Pair& pair, std::function<void()> callback) {
  auto made =
      Watch::create(loop, pair.near.get(), EPOLLIN, [callback = std::move(callback)](uint32_t events) {
        CHECK(events == EPOLLIN);
        callback();
        return Result<>{};
      });
  REQUIRE(made);
  return *std::move(made);
}

}  // namespace

TEST_SUITE("event/loop") {
  TEST_CASE("a watch calls back while its descriptor is ready") {
    MadeUpTime time;
    const Pair pair;
    int calls = 0;
    const Watch watched = watch(*time.loop, pair, [&] { ++calls; });
    time.turn();
    CHECK(calls == 0);
    pair.write();
    time.turn();
    time.turn();
    CHECK(calls == 2);
    pair.read();
    time.turn();
    CHECK(calls == 2);
  }

  TEST_CASE("a destroyed watch is not called, and its descriptor can be watched again") {
    MadeUpTime time;
    const Pair pair;
    pair.write();
    std::string calls;
    std::optional<Watch> first = watch(*time.loop, pair, [&] { calls += "first "; });
    first.reset();
    time.turn();
    const Watch second = watch(*time.loop, pair, [&] { calls += "second "; });
    time.turn();
    CHECK(calls == "second ");
  }

  TEST_CASE("a watch that is moved to goes on, and the one that was there ends") {
    MadeUpTime time;
    const Pair one;
    const Pair other;
    one.write();
    other.write();
    std::string calls;
    Watch watched = watch(*time.loop, one, [&] { calls += "one "; });
    watched = watch(*time.loop, other, [&] { calls += "other "; });
    time.turn();
    CHECK(calls == "other ");
  }

  TEST_CASE("a watch can change its events") {
    MadeUpTime time;
    const Pair pair;
    std::vector<uint32_t> calls;
    Watch watched = Watch::create(*time.loop, pair.near.get(), EPOLLIN, [&](uint32_t events) {
                      calls.push_back(events);
                      return Result<>{};
                    }).value();
    time.turn();
    REQUIRE(watched.change(EPOLLIN | EPOLLOUT));
    time.turn();
    REQUIRE(watched.change(EPOLLIN));
    time.turn();
    CHECK(calls == std::vector<uint32_t>{EPOLLOUT});
  }

  TEST_CASE("a descriptor that cannot be watched is an error") {
    const MadeUpTime time;
    CHECK_FALSE(Watch::create(*time.loop, -1, EPOLLIN, [](uint32_t) { return Result<>{}; }));
  }

  TEST_CASE("a callback may destroy its own watch, and still use what it captured") {
    MadeUpTime time;
    const Pair pair;
    pair.write();
    std::optional<Watch> watched;
    std::string calls;
    watched = watch(*time.loop, pair, [&watched, &calls, captured = std::string(100, 'x')] {
      watched.reset();
      calls += captured;
    });
    time.turn();
    time.turn();
    CHECK(calls == std::string(100, 'x'));
  }

  TEST_CASE("a watch that a callback destroys is not called, even if its event is in the same batch") {
    MadeUpTime time;
    const Pair one;
    const Pair other;
    one.write();
    other.write();
    std::optional<Watch> first;
    std::optional<Watch> second;
    int calls = 0;
    first = watch(*time.loop, one, [&] { second.reset(), ++calls; });
    second = watch(*time.loop, other, [&] { first.reset(), ++calls; });
    time.turn();
    CHECK(calls == 1);
    CHECK(first.has_value() != second.has_value());
  }

  TEST_CASE("a new watch with the number of a closed descriptor does not get the old one's event") {
    MadeUpTime time;
    Pair one;
    Pair other;
    one.write();
    other.write();
    std::string calls;
    std::optional<Watch> first;
    std::optional<Watch> second;
    std::optional<Watch> anew;
    std::optional<Pair> fresh;
    const auto replace = [&](std::optional<Watch>& watched, Pair& pair) {
      calls += "old ";
      watched.reset();
      const int number = pair.near.get();
      pair.near.reset();
      fresh.emplace();
      CHECK(fresh->near.get() == number);
      anew = watch(*time.loop, *fresh, [&] { calls += "new "; });
    };
    first = watch(*time.loop, one, [&] { replace(second, other); });
    second = watch(*time.loop, other, [&] { replace(first, one); });
    time.turn();
    CHECK(calls == "old ");
  }

  TEST_CASE("timers are called in the order of their deadlines, once, and not early") {
    MadeUpTime time;
    std::string calls;
    Timer late(*time.loop, [&] { calls += "late "; });
    Timer early(*time.loop, [&] { calls += "early "; });
    late.set(time.now + 2s);
    early.set(time.now + 1s);
    CHECK(time.loop->deadline() == time.now + 1s);
    time.turn_after(1s - 1ns);
    CHECK(calls.empty());
    time.turn_after(1ns);
    CHECK(calls == "early ");
    early.set(time.now + 500ms);
    time.turn_after(10s);
    CHECK(calls == "early early late ");
    CHECK_FALSE(time.loop->deadline());
    time.turn_after(10s);
    CHECK(calls == "early early late ");
  }

  TEST_CASE("a timer that is set again has only its new deadline, and a cleared one none") {
    MadeUpTime time;
    int calls = 0;
    Timer timer(*time.loop, [&] { ++calls; });
    timer.set(time.now + 1s);
    timer.set(time.now + 3s);
    time.turn_after(2s);
    CHECK(calls == 0);
    time.turn_after(1s);
    CHECK(calls == 1);
    timer.set(time.now + 1s);
    timer.set({});
    time.turn_after(2s);
    CHECK(calls == 1);
  }

  TEST_CASE("a timer that its callback sets to the past is called once in each turn") {
    MadeUpTime time;
    int calls = 0;
    std::optional<Timer> timer;
    timer.emplace(*time.loop, [&] {
      ++calls;
      timer->set(time.now - 1s);
    });
    timer->set(time.now);
    time.turn();
    CHECK(calls == 1);
    time.turn();
    CHECK(calls == 2);
  }

  TEST_CASE("a callback may destroy or clear a timer that is due, its own included") {
    MadeUpTime time;
    std::string calls;
    std::optional<Timer> first;
    std::optional<Timer> second;
    std::optional<Timer> third;
    first.emplace(*time.loop, [&] {
      calls += "first ";
      second.reset();
      third->set({});
      first.reset();
    });
    second.emplace(*time.loop, [&] { calls += "second "; });
    third.emplace(*time.loop, [&] { calls += "third "; });
    first->set(time.now);
    second->set(time.now + 1s);
    third->set(time.now + 2s);
    time.turn_after(3s);
    CHECK(calls == "first ");
    CHECK_FALSE(time.loop->deadline());
  }

  TEST_CASE("a wait ends at the next deadline") {
    const auto loop = Loop::create().value();
    int calls = 0;
    Timer timer(*loop, [&] {
      ++calls;
      loop->stop();
    });
    const Time begun = loop->now();
    timer.set(begun + 5ms);
    REQUIRE(loop->run());
    CHECK(calls == 1);
    CHECK(loop->now() - begun >= 5ms);
  }

  TEST_CASE("hooks are called after the events and the timers of each batch, the latest hook first") {
    MadeUpTime time;
    const Pair pair;
    pair.write();
    std::string calls;
    const IdleHook first(*time.loop, [&] { calls += "first hook, "; });
    const IdleHook second(*time.loop, [&] { calls += "second hook, "; });
    Timer timer(*time.loop, [&] { calls += "timer, "; });
    timer.set(time.now);
    const Watch watched = watch(*time.loop, pair, [&] {
      calls += "event, ";
      pair.read();
    });
    time.turn();
    CHECK(calls == "event, timer, second hook, first hook, ");
    calls.clear();
    time.turn();
    CHECK(calls == "second hook, first hook, ");
  }

  TEST_CASE("hooks are called before the first wait") {
    const auto loop = Loop::create().value();
    Timer timer(*loop, [&] { loop->stop(); });
    const IdleHook hook(*loop, [&] { timer.set(loop->now()); });
    CHECK(loop->run());
  }

  TEST_CASE("a hook may destroy another one, and itself") {
    MadeUpTime time;
    std::string calls;
    std::optional<IdleHook> first;
    std::optional<IdleHook> second;
    first.emplace(*time.loop, [&] { calls += "first "; });
    second.emplace(*time.loop, [&] {
      calls += "second ";
      first.reset();
      second.reset();
    });
    time.turn();
    time.turn();
    CHECK(calls == "second ");
  }

  TEST_CASE("a loop that is stopped handles its batch to the end, and can run again") {
    const auto loop = Loop::create().value();
    const Pair one;
    const Pair other;
    one.write();
    other.write();
    int calls = 0;
    int batches = -1;  // without the call before the first wait
    const auto stop = [&] { loop->stop(), ++calls; };
    const Watch first = watch(*loop, one, stop);
    const Watch second = watch(*loop, other, stop);
    const IdleHook hook(*loop, [&] { ++batches; });
    CHECK(loop->run());
    CHECK(calls == 2);
    CHECK(batches == 1);
    CHECK(loop->run());
    CHECK(calls == 4);
  }

  TEST_CASE("an error of a callback ends the loop at once") {
    const auto loop = Loop::create().value();
    const Pair one;
    const Pair other;
    one.write();
    other.write();
    int calls = 0;
    const auto failing = [&](uint32_t) -> Result<> {
      ++calls;
      return fail(Exit::unavailable, "no more");
    };
    const Watch first = Watch::create(*loop, one.near.get(), EPOLLIN, failing).value();
    const Watch second = Watch::create(*loop, other.near.get(), EPOLLIN, failing).value();
    const auto result = loop->run();
    REQUIRE_FALSE(result);
    CHECK(result.error().message == "no more");
    CHECK(calls == 1);
  }

  TEST_CASE("all callbacks of a batch get the same time, and hooks the present time") {
    Time now{24h};
    const auto loop = Loop::create([&] { return now += 1ms; }).value();
    const Pair pair;
    pair.write();
    std::vector<Time> times;
    const auto note = [&] { times.push_back(loop->now()); };
    const Watch watched = watch(*loop, pair, note);
    Timer timer(*loop, note);
    timer.set(now);
    const IdleHook hook(*loop, note);
    REQUIRE(loop->turn(0ms));
    REQUIRE(times.size() == 3);
    CHECK(times[0] == times[1]);
    CHECK(times[2] > times[1]);
    CHECK(loop->now() > times[2]);
  }

  TEST_CASE("an event takes no memory allocation") {
    MadeUpTime time;
    const Pair pair;
    pair.write();
    size_t calls = 0;
    const Watch watched = watch(*time.loop, pair, [&] { ++calls; });
    const IdleHook hook(*time.loop, [&] { ++calls; });
    Timer timer(*time.loop, [&] { ++calls; });
    timer.set(time.now);
    time.turn();
    const size_t before = ostiary::testing::allocations();
    for (int i = 0; i < 10; ++i) {
      timer.set(time.now);
      REQUIRE(time.loop->turn(0ms));
    }
    CHECK(ostiary::testing::allocations() == before);
    CHECK(calls == 33);
  }
}
