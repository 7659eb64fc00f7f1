#include "relay/audit_line.h"

#include <algorithm>
#include <array>
#include <string>
#include <variant>
#include <vector>

#include <doctest/doctest.h>
#include <netinet/in.h>

#include "ostiary/audit/event.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace std::chrono_literals;
using otlp::Severity;

namespace {

// 2026-01-02T03:04:05.678901Z
const audit::Time when{std::chrono::sys_days{std::chrono::year{2026} / 1 / 2} + 3h + 4min + 5s + 678901us};
constexpr uint64_t when_in_nanoseconds = 1767323045678901000;

AuditLine line_of(const audit::Event& event) {
  std::array<char, audit::limits::line_octets> room{};
  auto line = read_audit_line(audit::render(event, when, room));
  REQUIRE(line);
  return *std::move(line);
}

std::string text(const otlp::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return '"' + *text + '"';
  if (const auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  std::string all;
  for (const std::string& each : std::get<std::vector<std::string>>(value)) all += each + ";";
  return "[" + all + "]";
}

// "LEVEL event | sentence | field=value …"
std::string record_of(const audit::Event& event) {
  const AuditLine line = line_of(event);
  const Severity severity = severity_of(line);
  std::string all = severity == Severity::info ? "INFO " : severity == Severity::warn ? "WARN " : "ERROR ";
  all += line.event + " | " + sentence_of(line) + " |";
  for (const otlp::Field& each : attributes_of(line))
    all += " " + each.key.substr(8) + "=" + text(each.value);
  return all;
}

const inet::IpAddress address = inet::IpAddress::parse("192.0.2.9").value();

struct Case {
  audit::Event event;
  std::string record;
};

std::string line_with(std::string_view time, std::string_view rest = R"("event":"rotated","deleted":1)") {
  return R"({"time":")" + std::string(time) + "\"," + std::string(rest) + "}";
}

}  // namespace

TEST_SUITE("relay/audit_line") {
  TEST_CASE("each event has a name, a severity, a sentence for people, and its fields by type") {
    const std::array ports{audit::GrantedPorts{IPPROTO_TCP, 443, 443},
                           audit::GrantedPorts{IPPROTO_UDP, 80, 99}};
    const std::vector<Case> cases{
        {audit::Boot{"0.1.0", 1, audit::GateSwitch::on, "node", "claude"},
         R"(INFO boot | ostiary 0.1.0 starts claude as node | version="0.1.0" process=1 gate="on" user="node" command="claude")"},
        {audit::Phase{.what = "denied", .took = 23ms, .names = {{4, 1, 9}}},
         R"(INFO phase | phase 1: denied | phase=1 what="denied" resolved=4 unresolved=1 addresses=9 milliseconds=23)"},
        {audit::Allow{"a.example", ports},
         R"(INFO allow | allowed a.example: 443/tcp, 80-99/udp | name="a.example" ports=[443/tcp;80-99/udp;])"},
        {audit::DenyName{.name = "a.example", .type = "TXT", .why = audit::DenyReason::no_rule, .detail = ""},
         R"(WARN deny_name | denied the lookup of a.example (TXT): no rule names it | kind="name" name="a.example" type="TXT" why="no_rule" count=1)"},
        {audit::DenyName{.name = "a.example",
                         .type = "A",
                         .why = audit::DenyReason::bound,
                         .detail = "questions",
                         .count = 250},
         R"(WARN deny_name | denied the lookup of a.example (A): a limit of the gate is reached: questions (250 times) | kind="name" name="a.example" type="A" why="bound" detail="questions" count=250)"},
        {audit::DenyName{.name = "a.example",
                         .type = "A",
                         .why = audit::DenyReason::rebinding,
                         .detail = "",
                         .by = audit::Actor::boot},
         R"(WARN deny_name | denied the lookup of a.example (A): its addresses are private or special, by the boot | kind="name" name="a.example" type="A" why="rebinding" by="boot" count=1)"},
        {audit::DenyName{.name = "", .type = "", .why = audit::DenyReason::malformed, .detail = "label"},
         R"(WARN deny_name | denied the lookup: not a question that the gate answers: label | kind="name" why="malformed" detail="label" count=1)"},
        {audit::DenyPacket{.address = address,
                           .port = 80,
                           .protocol = IPPROTO_TCP,
                           .icmp_type = {},
                           .uid = 1000,
                           .name = "a.example"},
         R"(WARN deny_packet | denied a packet to 192.0.2.9 port 80 over tcp (a.example): no rule allows it | kind="packet" address="192.0.2.9" port=80 protocol="tcp" uid=1000 name="a.example" count=1)"},
        {audit::DenyPacket{.address = address,
                           .port = 0,
                           .protocol = IPPROTO_ICMP,
                           .icmp_type = 8,
                           .uid = 0,
                           .name = "",
                           .count = 3},
         R"(WARN deny_packet | denied a packet to 192.0.2.9 over icmp: no rule allows it (3 times) | kind="packet" address="192.0.2.9" protocol="icmp" icmp_type=8 uid=0 count=3)"},
        {audit::DenyPacket{.address = address,
                           .port = 9,
                           .protocol = IPPROTO_UDP,
                           .icmp_type = {},
                           .uid = {},
                           .name = "",
                           .why = "inbound"},
         R"(WARN deny_packet | denied a packet from outside to 192.0.2.9 port 9 over udp: inbound | kind="packet" address="192.0.2.9" port=9 protocol="udp" why="inbound" count=1)"},
        {audit::DenyPacket{.address = address,
                           .port = 443,
                           .protocol = IPPROTO_TCP,
                           .icmp_type = {},
                           .uid = {},
                           .name = "",
                           .by = audit::Actor::self_test},
         R"(INFO deny_packet | denied a packet to 192.0.2.9 port 443 over tcp: no rule allows it, by the self-test | kind="packet" address="192.0.2.9" port=443 protocol="tcp" by="self-test" count=1)"},
        {audit::DenyMisnamed{
             .name = "evil.example", .address = address, .port = 443, .uid = 1000, .why = "no-rule"},
         R"(WARN deny_tls | denied a flow to 192.0.2.9 port 443 that named evil.example: no-rule | kind="tls" name="evil.example" address="192.0.2.9" port=443 protocol="tcp" uid=1000 why="no-rule" count=1)"},
        {audit::DenyMisnamed{
             .name = "", .address = address, .port = 443, .uid = {}, .why = "no-name", .count = 2},
         R"(WARN deny_tls | denied a flow to 192.0.2.9 port 443: no-name (2 times) | kind="tls" address="192.0.2.9" port=443 protocol="tcp" why="no-name" count=2)"},
        {audit::DenyOther{70000},
         R"(WARN deny_other | denials that have no other line: 70000 | kind="other" count=70000)"},
        {audit::Admit{"a.example", address, IPPROTO_TCP, 8000, 3600s, 8099},
         R"(INFO admit | opened 192.0.2.9 port 8000 to 8099 over tcp for 3600 seconds (a.example) | name="a.example" address="192.0.2.9" port=8000 last_port=8099 protocol="tcp" seconds=3600)"},
        {audit::UpstreamFailure{"a.example", "no answer", 2},
         R"(ERROR upstream_failure | could not resolve a.example: no answer (2 times) | name="a.example" why="no answer" count=2)"},
        {audit::HelperStarted{"gate", 7}, R"(INFO gate_started | the gate has started | process=7)"},
        {audit::HelperDied{"gate", 7, audit::HelperDied::How::signal, 9},
         R"(ERROR gate_died | the gate has ended by signal 9 | process=7 signal=9)"},
        {audit::HelperDied{"relay", 7, audit::HelperDied::How::status, 1},
         R"(ERROR relay_died | the relay has ended with status 1 | process=7 status=1)"},
        {audit::HelperDied{"gate", 0, audit::HelperDied::How::not_started, 0, "fork"},
         R"(ERROR gate_died | the gate has ended and could not be started: fork | why="fork")"},
        {audit::HelperRestarted{"gate", 9, 2},
         R"(INFO gate_restarted | the gate was started again, attempt 2 | process=9 attempt=2)"},
        {audit::Tampering{"the table was deleted", 4711, "nft", audit::Tampering::Response::repaired},
         R"(WARN tampering | another process changed the rules: the table was deleted, by nft, process 4711; they are repaired | what="the table was deleted" process=4711 program="nft" response="repaired")"},
        {audit::Tampering{"a rule", 0, "", audit::Tampering::Response::agent_ended},
         R"(WARN tampering | another process changed the rules: a rule; the agent is ended | what="a rule" response="agent_ended")"},
        {audit::Probe{"metadata", audit::Probe::Outcome::held, "refused"},
         R"(INFO probe | self-test, metadata: held: refused | probe="metadata" outcome="held" detail="refused")"},
        {audit::Probe{"metadata", audit::Probe::Outcome::got_out, ""},
         R"(ERROR probe | self-test, metadata: got_out | probe="metadata" outcome="got_out")"},
        {audit::Rotated{5},
         R"(INFO rotated | a new file of the audit begins; lines that were deleted: 5 | deleted=5)"},
        {audit::EventsLost{17}, R"(ERROR events_lost | lines of the audit that were lost: 17 | count=17)"},
        {audit::Exited{143, "SIGTERM"},
         R"(INFO exit | exit with status 143: SIGTERM | status=143 reason="SIGTERM")"},
    };
    std::vector<bool> kinds(std::variant_size_v<audit::Event>);
    for (const Case& each : cases) {
      kinds.at(each.event.index()) = true;
      CHECK(record_of(each.event) == each.record);
    }
    CHECK(std::ranges::find(kinds, false) == kinds.end());
  }

  TEST_CASE("an event that no code here knows is a record too") {
    const auto line =
        read_audit_line(line_with("2026-01-02T03:04:05.678901Z", R"("event":"new_thing","x":[1,"b"])"));
    REQUIRE(line);
    CHECK(sentence_of(*line) == "new_thing");
    CHECK(severity_of(*line) == Severity::info);
    CHECK(attributes_of(*line) ==
          std::vector<otlp::Field>{{"ostiary.x", std::vector<std::string>{"1", "b"}}});
  }

  TEST_CASE("a text of the agent cannot end the sentence's line, and stays as it is in the attribute") {
    const AuditLine line = line_of(audit::UpstreamFailure{"a\nb\x1b.example", "x\xff", 1});
    CHECK(sentence_of(line) == R"(could not resolve a\x0ab\x1b.example: x\xff)");
    CHECK(line.text("name") == "a\nb\x1b.example");
  }

  TEST_CASE("that the agent can write to the audit's file is no attribute of the record") {
    std::array<char, audit::limits::line_octets> room{};
    const auto line = read_audit_line(audit::render(audit::Rotated{1}, when, room, audit::AuditRoad::shared));
    REQUIRE(line);
    REQUIRE(line->text("road") == "shared with the agent");
    const auto attributes = attributes_of(*line);
    REQUIRE(attributes.size() == 1);
    CHECK(attributes[0].key == "ostiary.deleted");
  }

  TEST_CASE("the time is read to the microsecond") {
    CHECK(line_of(audit::Rotated{}).time == when_in_nanoseconds);
    CHECK(read_audit_line(line_with("1970-01-01T00:00:00.000001Z"))->time == 1000);
    CHECK(read_audit_line(line_with("2261-12-31T23:59:60.999999Z")).has_value());
    for (const char* time :
         {"", "2026-01-02T03:04:05Z", "2026-13-02T03:04:05.678901Z", "2026-02-30T03:04:05.678901Z",
          "1969-12-31T23:59:59.999999Z", "2262-01-01T00:00:00.000000Z", "2026-01-02T24:04:05.678901Z",
          "2026-01-02T03:60:05.678901Z", "2026-01-02 03:04:05.678901Z", "2026-01-02T03:04:05.678901z",
          "-026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05.67890 Z"})
      CHECK_MESSAGE(!read_audit_line(line_with(time)).has_value(), time);
  }

  TEST_CASE("a line in another form is no line") {
    constexpr std::string_view time = "2026-01-02T03:04:05.678901Z";
    std::string many = R"("event":"a")";
    for (int i = 0; i < 40; ++i) many += ",\"f" + std::to_string(i) + "\":1";
    const std::vector<std::string> lines{
        "",
        "{}",
        "[]",
        "x",
        line_with(time, R"("event":"")"),
        line_with(time, R"("event":"A b")"),
        line_with(time, R"("event":7)"),
        line_with(time, R"("event":"deny")"),
        line_with(time, R"("event":"deny","kind":"A")"),
        line_with(time, R"("event":"a","B c":1)"),
        line_with(time, R"("event":"a","b":[[[[1]]]])"),
        line_with(time, many),
        line_with(time, "\"event\":\"a\",\"b\":\"" + std::string(5000, 'x') + "\"")};
    for (const std::string& each : lines) CHECK_MESSAGE(!read_audit_line(each).has_value(), each);
  }

  TEST_CASE("what the agent may have caused is told from what it cannot cause") {
    CHECK(may_be_of_agent(line_of(audit::DenyName{.name = "a", .type = "A", .detail = ""})));
    CHECK(may_be_of_agent(line_of(audit::DenyOther{1})));
    CHECK(may_be_of_agent(line_of(audit::Admit{})));
    CHECK_FALSE(may_be_of_agent(
        line_of(audit::DenyName{.name = "a", .type = "A", .detail = "", .by = audit::Actor::boot})));
    CHECK_FALSE(may_be_of_agent(line_of(
        audit::DenyPacket{.address = address, .icmp_type = {}, .uid = {}, .name = "", .why = "inbound"})));
    CHECK_FALSE(may_be_of_agent(line_of(audit::Rotated{})));
    CHECK_FALSE(may_be_of_agent(line_of(audit::HelperStarted{"gate", 7})));
  }
}
