#include "ostiary/audit/fold.h"

#include <map>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "allocations.h"
#include "samples.h"

using namespace ostiary::audit;
using namespace ostiary::audit::testing;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr Fold::Time start{};

// Lines without time and count, and how often each was written.
class Reported {
 public:
  void add(const Event& event) {
    json fields = json::parse(line_of(event));
    fields.erase("time");
    const auto count = fields["count"].get<uint64_t>();
    fields.erase("count");
    sum_ += count;
    counts_[fields.dump()] += count;
    ++lines_;
  }
  uint64_t sum() const { return sum_; }
  size_t lines() const { return lines_; }
  const std::map<std::string, uint64_t>& counts() const { return counts_; }

 private:
  uint64_t sum_ = 0;
  size_t lines_ = 0;
  std::map<std::string, uint64_t> counts_;
};

Event as_event(const Foldable& event) {
  return std::visit([](const auto& each) { return Event(each); }, event);
}

Reported flushed(Fold& fold) {
  Reported reported;
  fold.flush([&reported](const Event& event) { reported.add(event); });
  return reported;
}

DenyName deny(std::string_view name) {
  return {name, "A", DenyReason::no_rule, {}};
}

// A fold that counts the next events of this second instead of writing them.
Fold full_fold(Fold::Time now) {
  Fold fold;
  for (size_t i = 0; i < limits::fold_passed; ++i)
    CHECK(fold.add(deny("first.example"), now) == Fold::Outcome::pass);
  return fold;
}

Foldable some_event(std::mt19937& random, std::string& room, size_t names) {
  room = "n" + std::to_string(random() % names) + ".example";
  const uint64_t count = random() % 8 == 0 ? random() % 1000 : 1;
  switch (random() % 3) {
    case 0:
      return DenyName{room, random() % 2 == 0 ? "A" : "TXT", deny_reasons[random() % 2], {}, count};
    case 1:
      return DenyPacket{ostiary::inet::IpAddress::v4({192, 0, 2, static_cast<uint8_t>(random() % 3)}),
                        static_cast<uint16_t>(random() % names),
                        IPPROTO_UDP,
                        {},
                        random() % 2 == 0 ? std::optional<uint32_t>(0) : std::nullopt,
                        room,
                        random() % 2 == 0 ? "forged-source" : "",
                        count};
    default:
      return UpstreamFailure{room, "refused", count};
  }
}

}  // namespace

TEST_SUITE("audit/fold") {
  TEST_CASE("the first events of each second pass") {
    Fold fold = full_fold(start);
    CHECK_FALSE(fold.due());
    CHECK(fold.add(deny("a.example"), start + 999ms) == Fold::Outcome::folded);
    CHECK(fold.due() == start + 1s);
    CHECK(fold.add(deny("a.example"), start + 1s) == Fold::Outcome::pass);
    CHECK(fold.due() == start + 1s);
    CHECK(flushed(fold).sum() == 1);
    CHECK_FALSE(fold.due());
    CHECK(flushed(fold).sum() == 0);
  }

  TEST_CASE("equal events are counted together") {
    Fold fold = full_fold(start);
    std::string name = "a.example";
    for (int i = 0; i < 500; ++i) fold.add(deny(name), start);
    for (int i = 0; i < 3; ++i) fold.add(DenyName{name, "TXT", DenyReason::no_rule, {}}, start);
    fold.add(DenyPacket{address("192.0.2.1"), 80, IPPROTO_TCP, {}, 0, name}, start);
    fold.add(DenyPacket{address("192.0.2.1"), 81, IPPROTO_TCP, {}, 0, name}, start);
    std::string why = "forged-source";
    fold.add(DenyPacket{address("192.0.2.1"), 80, IPPROTO_TCP, {}, 0, name, why}, start);
    fold.add(DenyPacket{address("192.0.2.1"), 80, IPPROTO_TCP, {}, 0, name, why}, start);
    fold.add(UpstreamFailure{name, "refused"}, start);
    fold.add(UpstreamFailure{name, "refused", 4}, start);
    name = "scribble!";  // the fold keeps no reference to the text
    why = "scribbled too";
    const Reported reported = flushed(fold);
    CHECK(reported.lines() == 6);
    CHECK(reported.sum() == 512);
    CHECK(reported.counts().at(R"({"address":"192.0.2.1","event":"deny","kind":"packet","name":"a.example",)"
                               R"("port":80,"protocol":"tcp","uid":0,"why":"forged-source"})") == 2);
    CHECK(reported.counts().at(
              R"({"event":"deny","kind":"name","name":"a.example","type":"A","why":"no_rule"})") == 500);
    CHECK(reported.counts().at(
              R"({"event":"deny","kind":"name","name":"a.example","type":"TXT","why":"no_rule"})") == 3);
  }

  TEST_CASE("more different events than the table holds are counted as other") {
    Fold fold = full_fold(start);
    for (size_t i = 0; i < limits::fold_entries + 500; ++i) fold.add(deny("n" + std::to_string(i)), start);
    for (int i = 0; i < 7; ++i) fold.add(UpstreamFailure{"late.example", "refused"}, start);
    fold.add(deny("n0"), start);
    const Reported reported = flushed(fold);
    CHECK(reported.lines() == limits::fold_entries + 2);
    CHECK(reported.counts().at(R"({"event":"deny","kind":"other"})") == 500);
    CHECK(reported.counts().at(R"({"event":"upstream_failure","why":"other"})") == 7);
    CHECK(reported.counts().at(R"({"event":"deny","kind":"name","name":"n0","type":"A","why":"no_rule"})") ==
          2);
  }

  TEST_CASE("lost denials are reported within a window, in one line") {
    Fold fold;
    fold.add_others(0, start);
    CHECK_FALSE(fold.due());
    fold.add_others(7, start);
    fold.add_others(3, start + 500ms);
    CHECK(fold.due() == start + 1s);
    const Reported reported = flushed(fold);
    CHECK(reported.lines() == 1);
    CHECK(reported.counts().at(R"({"event":"deny","kind":"other"})") == 10);
  }

  TEST_CASE("long texts use no more memory than the part that a line shows") {
    Fold fold = full_fold(start);
    const std::string common(limits::text_octets + 1, 'x');
    fold.add(deny(common + std::string(100'000, 'y')), start);
    fold.add(deny(common + std::string(100'000, 'z')), start);
    CHECK(flushed(fold).lines() == 1);
  }

  TEST_CASE("counting an event again allocates nothing") {
    Fold fold = full_fold(start);
    fold.add(deny("a.example"), start);
    const size_t before = ostiary::testing::allocations();
    for (int i = 0; i < 1000; ++i) fold.add(deny("a.example"), start);
    CHECK(ostiary::testing::allocations() == before);
    CHECK(flushed(fold).sum() == 1001);
  }

  TEST_CASE("in any order of events, none is lost and none is invented") {
    for (unsigned seed = 0; seed < 40; ++seed) {
      std::mt19937 random(seed);
      const size_t names = seed % 2 == 0 ? 20 : 3000;  // fewer than the table can hold, and more
      Fold fold;
      Reported added;
      Reported reported;
      Fold::Time now = start;
      Fold::Time window = start;
      size_t passed = 0;
      const auto tell = [&reported](const Event& event) { reported.add(event); };
      for (int i = 0; i < 3000; ++i) {
        std::string room;
        const Foldable event = some_event(random, room, names);
        added.add(as_event(event));
        if (i == 0 || now - window >= 1s) {
          window = now;
          passed = 0;
        }
        if (fold.add(event, now) == Fold::Outcome::pass) {
          tell(as_event(event));
          CHECK(++passed <= limits::fold_passed);
        }
        if (random() % 100 == 0) now += std::chrono::milliseconds(random() % 700);
        if (random() % 50 == 0 && fold.due() && *fold.due() <= now) fold.flush(tell);
      }
      fold.flush(tell);
      CHECK(reported.sum() == added.sum());
      if (names == 20) CHECK(reported.counts() == added.counts());
      for (const auto& [line, count] : reported.counts())
        if (!line.contains("\"other\"")) CHECK(count <= added.counts().at(line));
    }
  }
}
