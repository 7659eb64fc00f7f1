#include "ostiary/audit/event.h"

#include <algorithm>
#include <random>
#include <string>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "allocations.h"
#include "samples.h"

using namespace ostiary::audit;
using namespace ostiary::audit::testing;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

std::string written_name(std::string_view name) {
  const std::string line = line_of(DenyName{name, "A", DenyReason::no_rule, {}});
  const size_t frame = line_of(DenyName{"x", "A", DenyReason::no_rule, {}}).size() - 1;
  CHECK(line.size() <= frame + limits::text_octets);
  CHECK(std::ranges::all_of(line.substr(0, line.size() - 1), [](char c) { return c >= 0x20 && c < 0x7f; }));
  CHECK(line.ends_with("}\n"));
  const json fields = json::parse(line);
  CHECK(fields["count"] == 1);
  return fields.value("name", "");
}

// The largest possible events, their texts made of that octet.
std::vector<Event> largest(const std::string& text) {
  static const std::vector<GrantedPorts> ports(5000, {IPPROTO_UDPLITE, 10000, 65535});
  const auto v6 = address("1111:2222:3333:4444:5555:6666:7777:8888");
  constexpr uint32_t number = UINT32_MAX;
  constexpr uint64_t count = UINT64_MAX;
  return {
      Boot{text, number, GateSwitch::off, text, text},
      Phase{Phase::Number::second, text, std::chrono::milliseconds::max(), Phase::Names{count, count, count}},
      Allow{text, ports},
      DenyName{text, text, DenyReason::not_admitted, text, count, Actor::self_test},
      DenyPacket{v6, 65535, IPPROTO_UDPLITE, 255, number, text, text, count, Actor::self_test},
      DenyOther{count},
      Admit{text, v6, IPPROTO_UDPLITE, 65535, std::chrono::seconds::max(), 65535},
      UpstreamFailure{text, text, count},
      HelperStarted{"gate", number},
      HelperDied{"gate", number, HelperDied::How::status, number},
      HelperRestarted{"gate", number, number},
      Tampering{text, number, text, Tampering::Response::agent_ended},
      Probe{text, Probe::Outcome::not_tried, text},
      Rotated{count},
      EventsLost{count},
      Exited{255, text},
  };
}

}  // namespace

TEST_SUITE("audit/event") {
  TEST_CASE("an event about a helper has the helper's name") {
    const auto name = [](const Event& event) {
      return json::parse(line_of(event))["event"].get<std::string>();
    };
    CHECK(name(HelperStarted{"gate", 7}) == "gate_started");
    CHECK(name(HelperDied{"other", 7, HelperDied::How::signal, 9}) == "other_died");
    CHECK(name(HelperRestarted{"other", 7, 1}) == "other_restarted");
  }

  TEST_CASE("an event is one line with its fields in order") {
    CHECK(line_of(DenyName{"exfil.example", "AAAA", DenyReason::rebinding, {}, 2}) ==
          R"({"time":"2026-01-02T03:04:05.678901Z","event":"deny","kind":"name","name":"exfil.example",)"
          R"("type":"AAAA","why":"rebinding","count":2})"
          "\n");
    CHECK(line_of(DenyPacket{address("2001:db8::7"), 80, IPPROTO_TCP, {}, 0, {}}) ==
          R"({"time":"2026-01-02T03:04:05.678901Z","event":"deny","kind":"packet","address":"2001:db8::7",)"
          R"("port":80,"protocol":"tcp","uid":0,"count":1})"
          "\n");
    CHECK(line_of(Exited{0, "the agent ended"}) ==
          R"({"time":"2026-01-02T03:04:05.678901Z","event":"exit","status":0,"reason":"the agent ended"})"
          "\n");
  }

  TEST_CASE("every line on a shared channel says so") {
    for (const Event& event : samples()) {
      CHECK(json::parse(line_of(event, sample_time(), AuditRoad::shared))["road"] == "shared with the agent");
      CHECK_FALSE(json::parse(line_of(event)).contains("road"));
    }
  }

  TEST_CASE("the time is UTC with six digits of a second") {
    const auto written = [](Time time) {
      return json::parse(line_of(HelperStarted{"gate", 1}, time))["time"].get<std::string>();
    };
    CHECK(written(Time{}) == "1970-01-01T00:00:00.000000Z");
    CHECK(written(Time{} + 951782399s + 999999us) == "2000-02-28T23:59:59.999999Z");
    CHECK(written(Time{} + 951782400s) == "2000-02-29T00:00:00.000000Z");
    CHECK(written(Time{} + 4107542400s + 1us) == "2100-03-01T00:00:00.000001Z");
    CHECK(written(Time{} - 1us) == "1969-12-31T23:59:59.999999Z");
  }

  TEST_CASE("a hostile name is written harmlessly") {
    CHECK(written_name("a\"},{\"b\\c") == "a\"},{\"b\\c");
    CHECK(written_name("a\n{\"event\":\"exit\"}\r\t\x1b[2J\x7f") == "a\n{\"event\":\"exit\"}\r\t\x1b[2J\x7f");
    CHECK(written_name(std::string_view("a\0b", 3)) == std::string("a\0b", 3));
    CHECK(written_name("caf\u00e9 \u2028\u202e \u0085 \U0001f6aa") ==
          "caf\u00e9 \u2028\u202e \u0085 \U0001f6aa");
    CHECK(line_of(Phase{Phase::Number::first, "\U0001f6aa\u00e9\x01"})
              .contains(R"("\ud83d\udeaa\u00e9\u0001")"));
  }

  TEST_CASE("octets that are not UTF-8 are written as \\xNN") {
    CHECK(written_name("\xff") == "\\xff");
    CHECK(written_name("a\xc3") == "a\\xc3");
    CHECK(written_name("\xc0\xaf") == "\\xc0\\xaf");
    CHECK(written_name("\xe0\x80\x80") == "\\xe0\\x80\\x80");
    CHECK(written_name("\xed\xa0\x80") == "\\xed\\xa0\\x80");
    CHECK(written_name("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
    CHECK(written_name("\xf0\x9f\x9a") == "\\xf0\\x9f\\x9a");
    CHECK(written_name("\x80ok\xf8\xc3\xa9") == "\\x80ok\\xf8\u00e9");
  }

  TEST_CASE("any octets give one line of JSON") {
    std::mt19937 random(1);
    for (int round = 0; round < 20000; ++round) {
      std::string name(random() % 40, '\0');
      for (char& c : name) c = static_cast<char>(random() % 4 == 0 ? random() % 128 : random());
      written_name(name);
    }
  }

  TEST_CASE("a text is complete up to its limit, and longer ones are cut with a mark") {
    const std::string whole(limits::text_octets, 'x');
    CHECK(written_name(whole) == whole);
    CHECK(written_name(whole + "x") == std::string(limits::text_octets - 6, 'x') + "\u2026");
    for (size_t before = 0; before < 14; ++before) {
      const std::string name = std::string(limits::text_octets - before, 'x') + "\U0001f6aa\"\x01\xff";
      const std::string written = written_name(name);
      if (written == std::string(limits::text_octets - before, 'x') + "\U0001f6aa\"\x01\\xff") continue;
      CHECK(written.ends_with("\u2026"));
      CHECK(name.starts_with(written.substr(0, written.size() - 3)));
    }
  }

  TEST_CASE("the longest name in DNS is not cut") {
    std::string name;
    for (const int size : {63, 63, 63, 61}) {
      for (int i = 0; i < size; ++i) name += "\\000";
      name += '.';
    }
    name.pop_back();
    CHECK(written_name(name) == name);
  }

  TEST_CASE("no event exceeds the maximum length of a line") {
    for (const std::string& text :
         {std::string(5000, 'x'), std::string(5000, '\n'), std::string(5000, '\xff')}) {
      for (const Event& event : largest(text)) {
        const std::string line = line_of(event, sample_time(), AuditRoad::shared);
        const json fields = json::parse(line);
        REQUIRE(line.size() <= limits::line_octets);
        size_t texts = 0;
        for (const auto& [field, value] : fields.items())
          if (value.is_string() && value.get<std::string>().ends_with("\u2026")) ++texts;
        CHECK(texts <= limits::texts);
        CHECK(line.size() <= texts * limits::text_octets + limits::frame_octets +
                                 (fields.contains("ports") ? limits::text_octets : 0));
      }
    }
  }

  TEST_CASE("a list of ports that is too long ends in a mark") {
    const std::vector<GrantedPorts> ports(5000, {IPPROTO_TCP, 10000, 65535});
    const json written = json::parse(line_of(Allow{"a.example", ports}))["ports"];
    CHECK(written.size() > 50);
    CHECK(written.front() == "10000-65535/tcp");
    CHECK(written.back() == "\u2026");
    CHECK(json::parse(line_of(Allow{"a.example", {}}))["ports"] == json::array());
  }

  TEST_CASE("a protocol without a name is written as its number") {
    const DenyPacket packet{address("192.0.2.1"), 0, 47, {}, {}, {}};
    CHECK(json::parse(line_of(packet))["protocol"] == "47");
    CHECK_FALSE(json::parse(line_of(packet)).contains("uid"));
  }

  TEST_CASE("writing a line allocates nothing") {
    const auto events = samples();
    std::array<char, limits::line_octets> room;
    const size_t before = ostiary::testing::allocations();
    for (const Event& event : events) render(event, sample_time(), room);
    CHECK(ostiary::testing::allocations() == before);
  }
}
