#include "gate/answerer.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "fakes.h"

using namespace ostiary;
using namespace ostiary::gate;
using namespace ostiary::gate::testing;
using dns::ExtendedError;
using dns::Rcode;
using dns::testing::header;
using dns::testing::joined;
using dns::testing::label;
using dns::testing::name;
using dns::testing::pointer;
using dns::testing::record;
using dns::testing::type_soa;
using dns::testing::type_txt;
using dns::testing::u16;
using dns::testing::u32;
using policy::Answers;
using upstream::Origin;
using upstream::Unanswered;
using Texts = std::vector<std::string>;

namespace {

constexpr size_t type_https = 65;
constexpr size_t no_such_name_flags = good_reply | 3U;
constexpr size_t server_failure_flags = good_reply | 2U;

// The name and the lifetime of each audited admission, such as "a.example 192.0.2.1 443/tcp".
Texts admissions_audited(TestGate& gate) {
  Texts all;
  for (const json& each : gate.audited("admit"))
    all.push_back(each["name"].get<std::string>() + " " + each["address"].get<std::string>() + " " +
                  std::to_string(each["port"].get<int>()) + "/" + each["protocol"].get<std::string>());
  return all;
}

// Asks for a name and answers with this address.
void look_up(TestGate& gate, const std::string& host, std::string_view address, size_t ttl = 300) {
  const size_t before = gate.upstream.waiting();
  gate.ask(host);
  REQUIRE(gate.upstream.waiting() == before + 1);
  gate.upstream.answer({address_record(address, ttl)});
}

// Asks for this many new names below w.example. The upstream gives each an address. Returns the
// number of answers with an address.
size_t look_up_new_names(TestGate& gate, size_t count) {
  static size_t number = 0;
  gate.upstream.at_once = [](const dns::Question& question) {
    return reply_to(question, {address_record("192.0.2.1")});
  };
  size_t resolved = 0;
  for (size_t i = 0; i < count; ++i) {
    gate.ask("n" + std::to_string(++number) + ".w.example");
    resolved += gate.last().records;
  }
  return resolved;
}

dns::Question question_for(std::string_view host) {
  return {dns::WireName::from(inet::HostName::parse(host).value()), dns::RecordType::a};
}

}  // namespace

TEST_SUITE("gate/answerer") {
  // ---- admissions

  TEST_CASE("an address is answered only after the kernel has acknowledged its admission") {
    TestGate gate({rule("a.example:443")});
    gate.ask("a.example");
    CHECK(gate.upstream.asked == Texts{"a.example A"});
    CHECK(gate.kernel.held().empty());
    CHECK(gate.answers.empty());
    gate.upstream.answer({address_record("192.0.2.1"), address_record("192.0.2.2")});
    CHECK(gate.kernel.held() == "192.0.2.1 443/tcp 3600, 192.0.2.2 443/tcp 3600");
    REQUIRE(gate.answers.size() == 1);
    CHECK(gate.last().rcode == Rcode::no_error);
    CHECK(gate.last().addresses == "192.0.2.1 192.0.2.2");
    CHECK(gate.last().ttl == 300);
    CHECK(admissions_audited(gate) == Texts{"a.example 192.0.2.1 443/tcp", "a.example 192.0.2.2 443/tcp"});
  }

  TEST_CASE("answers SERVFAIL without an address if the kernel refuses the admission") {
    TestGate gate({rule("a.example")});
    gate.kernel.refuses = true;
    gate.ask("a.example");
    gate.upstream.answer({address_record("192.0.2.1")});
    CHECK(gate.kernel.calls == 1);
    REQUIRE(gate.answers.size() == 1);
    CHECK(gate.last().rcode == Rcode::server_failure);
    CHECK(gate.last().records == 0);
    CHECK(gate.last().why == "ostiary: the kernel refused the admission");
    const auto denied = gate.audited("deny");
    REQUIRE(denied.size() == 1);
    CHECK(denied[0]["why"] == "not_admitted");
    CHECK(gate.audited("admit").empty());
    CHECK(gate.audited("allow").empty());
  }

  TEST_CASE("a refused admission is not cached: the next question tries again") {
    TestGate gate({rule("a.example")});
    gate.kernel.refuses = true;
    look_up(gate, "a.example", "192.0.2.1");
    gate.kernel.refuses = false;
    look_up(gate, "a.example", "192.0.2.1");
    CHECK(gate.last().addresses == "192.0.2.1");
  }

  TEST_CASE("an admission lasts for the hold if that is longer than the TTL") {
    TestGate gate({rule("a.example")}, {.hold = 3600s});
    look_up(gate, "a.example", "192.0.2.1", 60);
    CHECK(gate.kernel.held() == "192.0.2.1 443/tcp 3600");
    CHECK(gate.last().ttl == 60);
    CHECK(gate.audited("admit").at(0)["seconds"] == 3600);
  }

  TEST_CASE("an admission outlasts the TTL if that is longer than the hold") {
    TestGate gate({rule("a.example")}, {.hold = 60s});
    look_up(gate, "a.example", "192.0.2.1", 300);
    const auto lifetime = 300s + 1s + limits::admission_margin;
    CHECK(gate.kernel.held() == "192.0.2.1 443/tcp " + std::to_string(lifetime.count()));
    CHECK(gate.last().ttl == 300);
  }

  TEST_CASE("a name that two rules allow opens the ports of both") {
    TestGate gate({rule("db.corp.example:80"), rule("db.corp.example:5432"), rule("*.corp.example:443"),
                   rule("db.corp.example:53/udp")});
    look_up(gate, "db.corp.example", "192.0.2.1");
    CHECK(gate.last().addresses == "192.0.2.1");
    CHECK(gate.kernel.held() ==
          "192.0.2.1 80/tcp 3600, 192.0.2.1 443/tcp 3600, 192.0.2.1 5432/tcp 3600, "
          "192.0.2.1 53/udp 3600");
    CHECK(admissions_audited(gate) ==
          Texts{"db.corp.example 192.0.2.1 80/tcp", "db.corp.example 192.0.2.1 443/tcp",
                "db.corp.example 192.0.2.1 5432/tcp", "db.corp.example 192.0.2.1 53/udp"});
    CHECK(gate.audited("allow").at(0)["ports"] == json({"80/tcp", "443/tcp", "5432/tcp", "53/udp"}));
  }

  TEST_CASE("of two rules, one with private: a private address has only the ports of that rule") {
    TestGate gate({rule("db.example:80"), rule("db.example:5432", Answers::private_too)});
    gate.ask("db.example");
    gate.upstream.answer({address_record("10.0.0.7"), address_record("192.0.2.1")});
    CHECK(gate.last().addresses == "10.0.0.7 192.0.2.1");
    CHECK(gate.kernel.held() == "10.0.0.7 5432/tcp 3600, 192.0.2.1 80/tcp 3600, 192.0.2.1 5432/tcp 3600");
    CHECK(admissions_audited(gate).size() == 3);
  }

  TEST_CASE("an allowed name is audited once, and an admission each time") {
    TestGate gate({rule("a.example")});
    for (int i = 0; i < 3; ++i) {
      look_up(gate, "a.example", "192.0.2.1", 60);
      gate.now += 61s;
    }
    CHECK(gate.audited("allow").size() == 1);
    CHECK(gate.audited("admit").size() == 3);
  }

  // ---- denials

  TEST_CASE("a denied name is never asked upstream, for any record type, and gets NXDOMAIN with EDE 15") {
    TestGate gate({rule("a.example"), rule("*.w.example", Answers::private_too, {"TXT"})});
    for (const char* denied :
         {"exfil.test", "example", "b.a.example", "xa.example", "w.example", "a.example.test"})
      for (size_t type = 1; type <= 512; ++type) {
        if (type == 41 || (type >= 128 && type < 255)) continue;  // not types of records
        gate.ask(denied, {.type = type});
        CHECK(gate.last().name == denied);
        CHECK(gate.last().rcode == Rcode::no_such_name);
        CHECK(gate.last().error == ExtendedError::blocked);
        CHECK(gate.last().why == "ostiary: no rule of the policy allows this name");
      }
    CHECK(gate.upstream.asked.empty());
    CHECK(gate.kernel.calls == 0);
    CHECK(gate.audited("deny").at(0)["why"] == "no_rule");
  }

  TEST_CASE("every denied question is audited with its name and type") {
    TestGate gate({rule("a.example")});
    gate.ask("exfil.test", {.type = type_txt});
    gate.ask("exfil.test", {.type = type_txt});
    const auto denied = gate.audited("deny");
    REQUIRE(denied.size() == 2);
    for (const json& each : denied) {
      CHECK(each["name"] == "exfil.test");
      CHECK(each["type"] == "TXT");
    }
  }

  TEST_CASE("a name that is no host name is denied, also if it looks like an allowed one") {
    TestGate gate({rule("a.example"), rule("*.w.example")});
    for (const Bytes& disguised :
         {joined({label("a.example"), {0}}), joined({label("x.y"), name("w.example")}),
          joined({label("x y"), name("w.example")}), Bytes{0}}) {
      gate.ask_raw(joined({header(1, 0x0100, 1, 0, 0, 0), disguised, u16(type_a), u16(1)}));
      CHECK(gate.last().rcode == Rcode::no_such_name);
    }
    CHECK(gate.upstream.asked.empty());
  }

  TEST_CASE("a record type that no rule of an allowed name has gets no data, and is not asked upstream") {
    TestGate gate({rule("a.example", Answers::public_only, {"TXT"})});
    for (const size_t type : {type_https, size_t{64}, size_t{255}, size_t{15}, size_t{5}}) {
      gate.ask("a.example", {.type = type});
      CHECK(gate.last().rcode == Rcode::no_error);
      CHECK(gate.last().records == 0);
    }
    CHECK(gate.upstream.asked.empty());
    const auto denied = gate.audited("deny");
    REQUIRE(denied.size() == 5);
    for (const json& each : denied) CHECK(each["why"] == "type");
  }

  TEST_CASE("a record type that a rule has is asked upstream and answered") {
    TestGate gate({rule("a.example", Answers::public_only, {"TXT"})});
    gate.ask("a.example", {.type = type_txt});
    CHECK(gate.upstream.asked == Texts{"a.example TXT"});
    gate.upstream.answer({record(pointer(12), type_txt, 30, label("text"))});
    CHECK(gate.last().rcode == Rcode::no_error);
    CHECK(gate.last().records == 1);
    CHECK(gate.last().data == "\4text");
    CHECK(gate.last().ttl == 30);
    CHECK(gate.kernel.calls == 0);
  }

  TEST_CASE("a private address is withheld if no rule says private") {
    TestGate gate({rule("a.example")});
    for (const char* address : {"10.0.0.7", "127.0.0.1", "169.254.169.254", "100.64.0.1"}) {
      const size_t audited = gate.audited("deny").size();
      gate.now += 400s;
      gate.ask("a.example");
      gate.upstream.answer({address_record(address)});
      CHECK(gate.last().rcode == Rcode::no_error);
      CHECK(gate.last().records == 0);
      CHECK(gate.last().error == ExtendedError::blocked);
      CHECK(gate.last().why == "ostiary: private addresses only, which no rule allows");
      REQUIRE(gate.audited("deny").size() == audited + 1);
      CHECK(gate.audited("deny").back()["why"] == "rebinding");
    }
    gate.ask("a.example", {.type = type_aaaa});
    gate.upstream.answer({address_record("fd00::7")});
    CHECK(gate.last().records == 0);
    CHECK(gate.kernel.calls == 0);
  }

  TEST_CASE("a private address is answered and admitted if the rule says private") {
    TestGate gate({rule("a.example", Answers::private_too)});
    look_up(gate, "a.example", "10.0.0.7");
    CHECK(gate.last().addresses == "10.0.0.7");
    CHECK(gate.kernel.held() == "10.0.0.7 443/tcp 3600");
  }

  TEST_CASE("the metadata service is withheld even if the rule says private") {
    TestGate gate({rule("a.example", Answers::private_too)});
    gate.ask("a.example");
    gate.upstream.answer({address_record("169.254.169.254"), address_record("10.0.0.7")});
    CHECK(gate.last().addresses == "10.0.0.7");
    CHECK(gate.kernel.held() == "10.0.0.7 443/tcp 3600");
  }

  TEST_CASE("of private and public addresses only the public ones are answered and admitted") {
    TestGate gate({rule("a.example")});
    gate.ask("a.example");
    gate.upstream.answer({address_record("10.0.0.7"), address_record("192.0.2.1")});
    CHECK(gate.last().addresses == "192.0.2.1");
    CHECK(gate.kernel.held() == "192.0.2.1 443/tcp 3600");
    gate.ask("a.example");  // from the cache
    CHECK(gate.last().addresses == "192.0.2.1");
  }

  TEST_CASE("that addresses are withheld is cached, and audited for each question") {
    TestGate gate({rule("a.example")});
    look_up(gate, "a.example", "10.0.0.7");
    gate.ask("a.example");
    CHECK(gate.upstream.asked.size() == 1);
    CHECK(gate.last().rcode == Rcode::no_error);
    CHECK(gate.last().error == ExtendedError::blocked);
    CHECK(gate.audited("deny").size() == 2);
  }

  TEST_CASE("a message that is no question is refused and audited, and a response is ignored") {
    TestGate gate({rule("a.example")});
    const Bytes asked = dns::testing::question("a.example", type_a);
    gate.ask_raw(joined({header(7, 0x0100, 1, 1, 0, 0), asked, address_record("192.0.2.1")}));
    CHECK(gate.last().id == 7);
    CHECK(gate.last().rcode == Rcode::format_error);
    gate.ask_raw(joined({header(8, 0x8100, 1, 0, 0, 0), asked}));
    gate.ask_raw({1, 2, 3});
    CHECK(gate.answers.size() == 1);
    CHECK(gate.upstream.asked.empty());
    const auto denied = gate.audited("deny");
    REQUIRE(denied.size() == 1);
    CHECK(denied[0]["why"] == "malformed");
  }

  // ---- the cache

  TEST_CASE("a cached answer costs no kernel call and no upstream question until its TTL has passed") {
    for (const auto hold : {1s, 301s, 302s, 3600s}) {
      TestGate gate({rule("a.example")}, {.hold = hold});
      look_up(gate, "a.example", "192.0.2.1", 300);
      for (const auto passed : {0ms, 1ms, 500ms, 1000ms, 1001ms, 150'500ms, 299'999ms}) {
        gate.now = start + passed;
        gate.ask("a.example");
        CHECK(gate.last().addresses == "192.0.2.1");
        CHECK(gate.last().ttl == std::chrono::ceil<std::chrono::seconds>(300s - passed).count());
      }
      CHECK(gate.answers.size() == 8);
      CHECK(gate.kernel.calls == 1);
      CHECK(gate.upstream.asked.size() == 1);
    }
  }

  TEST_CASE("after its TTL a name is asked again, and its admission is renewed") {
    TestGate gate({rule("a.example")}, {.hold = 3600s});
    look_up(gate, "a.example", "192.0.2.1", 300);
    gate.now += 300s;
    CHECK(gate.kernel.held() == "192.0.2.1 443/tcp 3300");
    look_up(gate, "a.example", "192.0.2.1", 300);
    CHECK(gate.upstream.asked.size() == 2);
    CHECK(gate.last().addresses == "192.0.2.1");
    CHECK(gate.kernel.held() == "192.0.2.1 443/tcp 3600");
  }

  TEST_CASE("at each time that a cached answer gives, its address stays admitted for the TTL it gives") {
    TestGate gate({rule("a.example")}, {.hold = 5s});
    look_up(gate, "a.example", "192.0.2.1", 20);
    for (auto passed = 0ms; passed < 20s; passed += 250ms) {
      gate.now = start + passed;
      gate.ask("a.example");
      REQUIRE(gate.last().records == 1);
      const auto answered_until = gate.now + std::chrono::seconds(gate.last().ttl);
      gate.now = answered_until + 1s;
      CHECK(gate.kernel.admits(inet::IpAddress::v4({192, 0, 2, 1})));
    }
  }

  TEST_CASE("the address that a name had before stays admitted for its time") {
    TestGate gate({rule("a.example")});
    look_up(gate, "a.example", "192.0.2.1", 60);
    gate.now += 60s;
    look_up(gate, "a.example", "192.0.2.2", 60);
    CHECK(gate.last().addresses == "192.0.2.2");
    CHECK(gate.kernel.held() == "192.0.2.1 443/tcp 3540, 192.0.2.2 443/tcp 3600");
  }

  TEST_CASE("A and AAAA are separate questions") {
    TestGate gate({rule("a.example")});
    look_up(gate, "a.example", "192.0.2.1");
    gate.ask("a.example", {.type = type_aaaa});
    CHECK(gate.upstream.asked == Texts{"a.example A", "a.example AAAA"});
    gate.upstream.answer({address_record("2001:db8::1")});
    CHECK(gate.last().addresses == "2001:db8::1");
  }

  TEST_CASE("no such name and no data are cached for the TTL of the SOA") {
    const Bytes soa =
        record(name("example"), type_soa, 60,
               joined({name("ns.example"), name("admin.example"), u32(1), u32(2), u32(3), u32(4), u32(60)}));
    for (const size_t flags : {no_such_name_flags, good_reply}) {
      TestGate gate({rule("a.example")});
      const Rcode expected = flags == good_reply ? Rcode::no_error : Rcode::no_such_name;
      gate.ask("a.example");
      gate.upstream.answer_with(
          dns::testing::reply(dns::testing::question("a.example", type_a), {}, flags, {soa}));
      gate.now += 59s;
      gate.ask("a.example");
      CHECK(gate.upstream.asked.size() == 1);
      REQUIRE(gate.answers.size() == 2);
      for (const Answer& each : gate.answers) {
        CHECK(each.rcode == expected);
        CHECK(each.records == 0);
        CHECK_FALSE(each.error);  // an answer of the upstream's, not a denial
      }
      gate.now += 1s;
      gate.ask("a.example");
      CHECK(gate.upstream.asked.size() == 2);
      CHECK(gate.audited("deny").empty());
    }
  }

  // ---- several clients

  TEST_CASE("two questions for one name make one upstream question, and each has its own answer") {
    TestGate gate({rule("a.example")});
    gate.ask("a.example", {.id = 1, .client = {.socket = 5}});
    gate.ask("A.Example", {.id = 2, .client = {.socket = 6}});
    CHECK(gate.upstream.asked == Texts{"a.example A"});
    gate.upstream.answer({address_record("192.0.2.1")});
    CHECK(gate.kernel.calls == 1);
    REQUIRE(gate.answers.size() == 2);
    for (const Answer& each : gate.answers) CHECK(each.addresses == "192.0.2.1");
    CHECK(gate.answers[0].id == 1);
    CHECK(gate.answers[0].client.socket == 5);
    CHECK(gate.answers[0].name == "a.example");
    CHECK(gate.answers[1].id == 2);
    CHECK(gate.answers[1].client.socket == 6);
    CHECK(gate.answers[1].name == "A.Example");
  }

  TEST_CASE("64 clients wait for one answer, and the next gets SERVFAIL with EDE 18") {
    TestGate gate({rule("a.example")});
    for (int i = 0; i < 64; ++i) gate.ask("a.example");
    CHECK(gate.answers.empty());
    gate.ask("a.example", {.id = 99});
    REQUIRE(gate.answers.size() == 1);
    CHECK(gate.last().id == 99);
    CHECK(gate.last().rcode == Rcode::server_failure);
    CHECK(gate.last().error == ExtendedError::prohibited);
    CHECK(gate.audited("deny").at(0)["detail"] == "clients waiting for one answer");
    gate.upstream.answer({address_record("192.0.2.1")});
    CHECK(gate.answers.size() == 1 + 64);
    CHECK(gate.upstream.asked.size() == 1);
  }

  TEST_CASE("1024 questions are outstanding, and the next gets SERVFAIL with EDE 18 until one is answered") {
    TestGate gate({rule("last.example")});
    for (int i = 0; i < 1024; ++i)
      gate.answerer.resolve(question_for("h" + std::to_string(i) + ".example"), {}, [](const Resolution&) {});
    gate.ask("last.example");
    CHECK(gate.upstream.asked.size() == 1024);
    CHECK(gate.last().rcode == Rcode::server_failure);
    CHECK(gate.last().error == ExtendedError::prohibited);
    CHECK(gate.audited("deny").at(0)["detail"] == "questions outstanding");
    gate.upstream.fail(Unanswered::timed_out);
    gate.ask("last.example");
    CHECK(gate.upstream.asked.back() == "last.example A");
  }

  TEST_CASE("a question that is asked within an answer does not change the answer of others") {
    for (const auto type : {dns::RecordType::a, dns::RecordType::txt}) {
      TestGate gate({rule("a.example", Answers::public_only, {"TXT"}),
                     rule("b.example", Answers::public_only, {"TXT"})});
      const auto record_of = [type](std::string_view address, std::string_view text) {
        return type == dns::RecordType::a ? address_record(address)
                                          : record(pointer(12), type_txt, 60, label(text));
      };
      const auto resolve = [&](std::string_view host, Answerer::OnResolved found) {
        gate.answerer.resolve({question_for(host).name, type}, gate.policy.decide(host), std::move(found));
      };
      resolve("a.example", [&](const Resolution&) {
        gate.upstream.at_once = [&](const dns::Question& question) {
          return reply_to(question, {record_of("192.0.2.66", "other")});
        };
        resolve("b.example", [](const Resolution&) {});
      });
      gate.ask("a.example", {.type = static_cast<size_t>(type)});
      gate.upstream.answer({record_of("192.0.2.1", "own")});
      CHECK(gate.upstream.asked.size() == 2);
      CHECK(gate.last().name == "a.example");
      CHECK(gate.last().addresses == (type == dns::RecordType::a ? "192.0.2.1" : ""));
      CHECK(gate.last().data == (type == dns::RecordType::a ? "" : "\3own"));
    }
  }

  // ---- wildcards

  TEST_CASE(
      "600 names that only a wildcard allows are asked in a minute, and the next gets SERVFAIL with EDE 18") {
    TestGate gate({rule("*.w.example")});
    CHECK(look_up_new_names(gate, 600) == 600);
    gate.ask("one-more.w.example");
    CHECK(gate.upstream.asked.size() == 600);
    CHECK(gate.last().rcode == Rcode::server_failure);
    CHECK(gate.last().error == ExtendedError::prohibited);
    CHECK(gate.last().why == "ostiary: a limit of the gate is reached");
    const auto denied = gate.audited("deny");
    REQUIRE(denied.size() == 1);
    CHECK(denied[0]["why"] == "bound");
    CHECK(denied[0]["detail"] == "wildcard questions a minute");
  }

  TEST_CASE("the minute of the wildcards slides: no 60 seconds have more than 600 names") {
    TestGate gate({rule("*.w.example")});
    CHECK(look_up_new_names(gate, 200) == 200);
    gate.now = start + 30s;
    CHECK(look_up_new_names(gate, 1000) == 400);
    gate.now = start + 60s - 1ms;
    CHECK(look_up_new_names(gate, 1000) == 0);
    gate.now = start + 60s;
    CHECK(look_up_new_names(gate, 1000) == 200);
    gate.now = start + 90s;
    CHECK(look_up_new_names(gate, 1000) == 400);
  }

  TEST_CASE("names with a rule of their own and cached names are answered beyond the wildcards' limit") {
    TestGate gate({rule("*.w.example"), rule("own.w.example"), rule("a.example")});
    gate.upstream.at_once = [](const dns::Question& question) {
      return reply_to(question, {address_record("192.0.2.1")});
    };
    gate.ask("cached.w.example");
    CHECK(look_up_new_names(gate, 1000) == 599);
    for (const char* host : {"own.w.example", "a.example", "cached.w.example"}) {
      gate.ask(host);
      CHECK(gate.last().addresses == "192.0.2.1");
    }
  }

  TEST_CASE("a question that waits already does not count as another name") {
    TestGate gate({rule("*.w.example")});
    gate.ask("first.w.example");
    gate.ask("first.w.example");
    CHECK(gate.upstream.asked.size() == 1);
    gate.upstream.answer({address_record("192.0.2.1")});
    CHECK(look_up_new_names(gate, 1000) == 599);
  }

  // ---- failures

  TEST_CASE("a failing upstream gives SERVFAIL with EDE 23, and is audited") {
    const Bytes asked = dns::testing::question("a.example", type_a);
    const Bytes other_question =
        dns::testing::reply(dns::testing::question("b.example", type_a), {address_record("192.0.2.1")});
    const Bytes truncated = dns::testing::reply(asked, {}, good_reply | 0x0200U);
    const std::vector<std::pair<std::function<void(FakeUpstream&)>, std::string>> failures{
        {[](FakeUpstream& upstream) { upstream.fail(Unanswered::timed_out); },
         "no upstream server answered in time"},
        {[](FakeUpstream& upstream) { upstream.answer({}, server_failure_flags); }, "SERVFAIL"},
        {[&](FakeUpstream& upstream) { upstream.answer_with(other_question); },
         "the reply answers another question"},
        {[&](FakeUpstream& upstream) { upstream.answer_with(truncated); }, "truncated over TCP"}};
    for (const auto& [fail, why] : failures) {
      TestGate gate({rule("a.example")});
      for (const size_t id : {1U, 2U}) gate.ask("a.example", {.id = id});
      fail(gate.upstream);
      REQUIRE(gate.answers.size() == 2);
      for (const Answer& each : gate.answers) {
        CHECK(each.rcode == Rcode::server_failure);
        CHECK(each.records == 0);
        CHECK(each.error == ExtendedError::network_error);
      }
      const auto audited = gate.audited("upstream_failure");
      REQUIRE(audited.size() == 1);
      CHECK(audited[0]["name"] == "a.example");
      CHECK(audited[0]["why"] == why);
      CHECK(gate.kernel.calls == 0);
    }
  }

  TEST_CASE("a failure is not cached: the next question is asked upstream") {
    TestGate gate({rule("a.example")});
    gate.ask("a.example");
    gate.upstream.fail(Unanswered::timed_out);
    look_up(gate, "a.example", "192.0.2.1");
    CHECK(gate.last().addresses == "192.0.2.1");
  }

  TEST_CASE("records that cannot be used give SERVFAIL, and are audited") {
    TestGate gate({rule("a.example", Answers::public_only, {"TXT"})});
    gate.ask("a.example", {.type = type_txt});
    gate.upstream.answer({}, server_failure_flags);
    CHECK(gate.last().rcode == Rcode::server_failure);
    CHECK(gate.audited("upstream_failure").size() == 1);
  }

  TEST_CASE("without a route of a family its addresses do not exist, and are not asked for") {
    TestGate gate({rule("a.example")}, {.hold = 60s, .ipv6 = Reachability::unreachable});
    gate.ask("a.example", {.type = type_aaaa});
    CHECK(gate.last().rcode == Rcode::no_error);
    CHECK(gate.last().records == 0);
    CHECK(gate.upstream.asked.empty());
    look_up(gate, "a.example", "192.0.2.1");
    CHECK(gate.last().addresses == "192.0.2.1");
  }

  TEST_CASE("without any route the answer is SERVFAIL with EDE 23, and is audited") {
    TestGate gate({rule("a.example")},
                  {.hold = 60s, .ipv4 = Reachability::unreachable, .ipv6 = Reachability::unreachable});
    for (const size_t type : {type_a, type_aaaa}) {
      gate.ask("a.example", {.type = type});
      CHECK(gate.last().rcode == Rcode::server_failure);
      CHECK(gate.last().error == ExtendedError::network_error);
    }
    CHECK(gate.upstream.asked.empty());
    CHECK(gate.audited("upstream_failure").size() == 2);
  }

  // ---- the gate's own questions

  TEST_CASE("the gate's own question, passed on by a server inside, gets SERVFAIL at once") {
    TestGate gate({rule("a.example")});
    gate.ask("a.example", {.id = 1});
    gate.upstream.origin = Origin::passed_on;
    gate.ask("a.example", {.id = 2});
    REQUIRE(gate.answers.size() == 1);
    CHECK(gate.last().id == 2);
    CHECK(gate.last().rcode == Rcode::server_failure);
    gate.upstream.answer({address_record("192.0.2.1")});
    REQUIRE(gate.answers.size() == 2);
    CHECK(gate.last().id == 1);
    CHECK(gate.last().addresses == "192.0.2.1");
  }

  TEST_CASE("the gate's own packet that came back is not answered") {
    TestGate gate({rule("a.example")});
    gate.ask("a.example", {.id = 1});
    gate.upstream.origin = Origin::returned;
    gate.ask("a.example", {.id = 2});
    CHECK(gate.answers.empty());
    gate.upstream.answer({address_record("192.0.2.1")});
    CHECK(gate.answers.size() == 1);
  }
}
