// Flows of HTTP, as the NameCheck hands them over.
#include "gate/request_check.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "fakes.h"
#include "gate/limits.h"
#include "gate/name_check.h"
#include "tls/hello.h"

using namespace ostiary;
using namespace ostiary::gate;
using namespace ostiary::gate::testing;
using namespace ostiary::tls::testing;
using nft::WaitingPacket;

namespace {

constexpr uint32_t first_sequence = 0xfffffff0;  // soon 0 again

inet::IpAddress address(std::string_view text) {
  return inet::IpAddress::parse(text).value();
}

std::string get(std::string_view host, std::string_view more = {}) {
  return "GET /path HTTP/1.1\r\nHost: " + std::string(host) + "\r\n" + std::string(more) + "\r\n";
}
std::string post(std::string_view fields, std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: a.example\r\n" + std::string(fields) + "\r\n\r\n" + std::string(body);
}

// One flow to 192.0.2.1:80, which is admitted for two names of the policy, and the gate beside it.
struct Requests {
  explicit Requests(std::string_view list = "a.example:80,b.example:80,c.example:80,d.example:443",
                    uint16_t port = 80)
      : policy(policy::Policy::compile(policy::parse_list(list, "test", policy::variables()).value())) {
    connection.remote_port = port;
    for (const auto& [name, at] : {std::pair{"a.example", "192.0.2.1"},
                                   {"b.example", "192.0.2.1"},
                                   {"c.example", "192.0.2.3"},
                                   {"d.example", "192.0.2.1"}}) {
      const std::vector<inet::IpAddress> addresses{address(at)};
      (void)ledger.admit(name, addresses, policy.decide(name).grants, 600s, now);
    }
    begin();
  }
  Requests(const Requests&) = delete;
  Requests& operator=(const Requests&) = delete;

  void begin() {
    sent = 0;
    WaitingPacket syn = packet_at(static_cast<uint64_t>(-1), {});
    syn.begins = true;
    (void)take(syn);
  }
  WaitingPacket packet_at(uint64_t place, std::string_view data) {
    return {.id = ++last_id,
            .from = WaitingPacket::From::agent,
            .connection = connection,
            .sequence = first_sequence + static_cast<uint32_t>(place),
            .data = octets_of(data),
            .uid = 1000};
  }
  std::string take(const WaitingPacket& packet) {
    check.take(packet, now);
    return judge.take();
  }
  std::string send_at(uint64_t place, std::string_view data, bool urgent = false) {
    WaitingPacket packet = packet_at(place, data);
    packet.is_urgent = urgent;
    return take(packet);
  }
  std::string send(std::string_view data) { return send_at(std::exchange(sent, sent + data.size()), data); }
  std::string end(std::string_view data = {}) {
    WaitingPacket packet = packet_at(std::exchange(sent, sent + data.size()), data);
    packet.ends = true;
    return take(packet);
  }
  std::string denied() { return last_denial(recorder, audit, "http"); }
  // Of one packet. "passes", or why it is refused.
  std::string outcome(std::string_view stream) {
    const std::string told = send(stream);
    return told.contains("pass") ? "passes" : denied();
  }

  Time now = start;
  FakeKernel kernel{now};
  AuditFile audit;
  policy::Policy policy;
  Ledger ledger{kernel, InitialSets::empty};
  Recorder recorder{audit.journal()};
  FakeJudge judge;
  NameCheck check{{.judge = judge, .rules = {policy, ledger}, .recorder = recorder},
                  tls::EncryptedHello::refused};
  inet::Connection connection{address("10.0.0.2"), address("192.0.2.1"), 40000, 80};
  uint64_t sent = 0;
  uint32_t last_id = 0;
};

std::string outcome(std::string_view stream) {
  return Requests().outcome(stream);
}

// As the kernel sends it: what was dropped comes again, with what the agent wrote meanwhile.
std::string passed_of(std::string_view stream, size_t size) {
  Requests flow;
  size_t acknowledged = 0, written = 0;
  while (acknowledged < stream.size()) {
    written = std::min(stream.size(), std::max(written, acknowledged) + size);
    std::string told = flow.send_at(acknowledged, stream.substr(acknowledged, written - acknowledged));
    if (told.contains("refuse")) return std::string(stream.substr(0, acknowledged)) + "|" + flow.denied();
    if (told.contains("pass")) acknowledged = written;
    flow.now += limits::hold_time;
    flow.check.expire(flow.now);
    const std::string later = flow.judge.take();
    CHECK((later.empty() || later.starts_with("drop")));
  }
  return std::string(stream) + "|" + flow.denied();
}

}  // namespace

TEST_SUITE("gate/request_check") {
  TEST_CASE("every request of a connection is read") {
    Requests flow;
    CHECK(flow.send(get("a.example")) == "follow, pass 2");
    CHECK(flow.send(get("b.example")) == "pass 3");
    CHECK(flow.send(get("a.example") + get("a.example")) == "pass 4");
    CHECK(flow.check.size() == 1);
    CHECK(flow.send(get("evil.example")) == "refuse, reset 5");
    CHECK(flow.check.size() == 0);
    CHECK(flow.denied() == "evil.example: no-rule");
  }

  TEST_CASE("a request behind another in the same packet is read") {
    CHECK(outcome(get("a.example") + get("evil.example")) == "evil.example: no-rule");
    CHECK(outcome(post("Content-Length: 2", "ab") + get("evil.example")) == "evil.example: no-rule");
    CHECK(outcome(post("Transfer-Encoding: chunked", "2\r\nab\r\n0\r\n\r\n") + get("evil.example")) ==
          "evil.example: no-rule");
  }

  TEST_CASE("which names are allowed") {
    CHECK(outcome(get("A.Example")) == "passes");
    CHECK(outcome(get("a.example:80")) == "passes");
    CHECK(outcome(get("b.example")) == "passes");
    CHECK(outcome(get("c.example")) == "c.example: not-admitted");
    CHECK(outcome(get("d.example")) == "d.example: no-rule");
    CHECK(outcome(get("evil.example")) == "evil.example: no-rule");
    CHECK(outcome(get("a.example.evil.example")) == "a.example.evil.example: no-rule");
    CHECK(outcome(get("192.0.2.1")) == "192.0.2.1: no-host-name");
    CHECK(outcome(get("a.example.")) == "a.example.: no-host-name");
    CHECK(outcome(get("a.example:8080")) == "a.example:8080: no-host-name");
    CHECK(outcome(get("")) == "no-host-name");
    CHECK(outcome(get("a.example, evil.example")) == "no-host-name");
  }

  TEST_CASE("what two servers could read in different ways is refused") {
    CHECK(outcome("GET / HTTP/1.1\r\n\r\n") == "no-name");
    CHECK(outcome("GET / HTTP/1.0\r\n\r\n") == "no-name");
    CHECK(outcome(get("a.example", "Host: a.example\r\n")) == "several-names");
    CHECK(outcome(get("a.example", "Host : evil.example\r\n")) == "malformed");
    CHECK(outcome(get("a.example", " folded\r\n")) == "malformed");
    CHECK(outcome("GET http://evil.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n") == "not-a-path");
    CHECK(outcome("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n") == "not-a-path");
    CHECK(outcome("CONNECT a.example:80 HTTP/1.1\r\nHost: a.example\r\n\r\n") == "tunnel");
    CHECK(outcome(get("a.example", "Upgrade: h2c\r\n")) == "a.example: upgrade");
    CHECK(outcome(get("a.example", "HTTP2-Settings: AAMAAABkAAQAAP__\r\n")) == "a.example: upgrade");
    CHECK(outcome("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == "not-http");
    CHECK(outcome("GET /\r\n") == "not-http");
    CHECK(outcome("SSH-2.0-x\r\n") == "not-http");
    CHECK(outcome("GET / HTTP/1.1\nHost: a.example\n\n") == "malformed");
    CHECK(outcome(post("Content-Length: 3\r\nTransfer-Encoding: chunked", "0\r\n\r\n")) == "framing");
    CHECK(outcome(post("Content-Length: 3\r\nContent-Length: 4", "abc")) == "framing");
    CHECK(outcome(post("Content-Length: 3\r\nExpect: 100-continue", "")) == "a.example: expectation");
    CHECK(outcome(get("a.example", "Content-Length: 3\r\n")) == "a.example: framing");
    CHECK(outcome("Head / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\n") == "a.example: framing");
    CHECK(outcome(get("a.example", "Connection: close\r\n") + get("a.example")) == "framing");
    CHECK(outcome(post("Transfer-Encoding: chunked", "2\r\nabc")) == "framing");
  }

  TEST_CASE("a head may come in pieces") {
    const std::string request = get("a.example", "Accept: */*\r\n") + post("Content-Length: 3", "abc");
    for (size_t size = 1; size < 40; ++size) CHECK(passed_of(request, size) == request + "|none");
  }

  TEST_CASE("a Host waits until it is whole, and a URL is refused at its first octet") {
    const std::string line = "GET /path HTTP/1.1\r\n";
    for (const std::string& request :
         {get("evil.example", "Accept: */*\r\n"), line + "Accept: */*\r\nhoST :evil.example\r\n\r\n",
          std::string("GET http://evil.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n")})
      for (size_t size = 1; size < request.size(); ++size)
        CHECK_FALSE(passed_of(request, size).substr(0, passed_of(request, size).find('|')).contains("evil"));
    Requests flow;
    CHECK(flow.send("GET") == "follow, pass 2");
    CHECK(flow.send(line.substr(3) + "Ho") == "");
    CHECK(flow.send("ld: on\r\nHost") == "");
    CHECK(flow.send("s-of-others: a\r\nH") == "");
    CHECK(flow.send("ost: a.example\r\n") == "pass 3, pass 4, pass 5, pass 6");
    CHECK(flow.send("Accept: */*") == "pass 7");
    CHECK(outcome("GET h") == "not-a-path");
    CHECK(outcome("CONNECT a") == "tunnel");
  }

  TEST_CASE("octets that are sent again must be the same") {
    Requests flow;
    flow.send(get("a.example"));
    flow.send(get("b.example"));
    CHECK(flow.send_at(0, get("a.example")) == "pass 4");
    CHECK(flow.send_at(0, get("a.example") + get("b.example") + get("a.example")) == "pass 5");
    CHECK(flow.send_at(get("a.example").size() - 4, "\r\nHost: evil.example\r\n") == "refuse, reset 6");
    CHECK(flow.denied() == "changed");
  }

  TEST_CASE("the octets of a body may change, and what divides it may not") {
    const std::string request = post("Content-Length: 6", "secret") + get("a.example");
    Requests flow;
    flow.send(request);
    const size_t body = request.find("secret");
    CHECK(flow.send_at(body, "public") == "pass 3");
    CHECK(flow.send_at(body, "publicX") == "refuse, reset 4");

    const std::string chunked = post("Transfer-Encoding: chunked", "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
    Requests other;
    other.send(chunked);
    const size_t data = chunked.find("ab\r\n1");
    CHECK(other.send_at(data, "cd") == "pass 3");
    CHECK(other.send_at(data, "cd\r\n2") == "refuse, reset 4");
  }

  TEST_CASE("octets behind a missing one, or before the first, are not read") {
    Requests flow;
    CHECK(flow.send_at(0, get("a.example")) == "follow, pass 2");
    CHECK(flow.send_at(1000, get("evil.example")) == "drop 3");
    CHECK(flow.send_at(static_cast<uint64_t>(-1), "xGET") == "drop 4");
    CHECK(flow.denied() == "none");
  }

  TEST_CASE("heads that are too old to be compared are dropped") {
    Requests flow;
    const std::string request = get("a.example", "X: " + std::string(4000, 'x') + "\r\n");
    for (size_t at = 0; at <= limits::heads_of_a_flow; at += request.size()) flow.send(request);
    CHECK(flow.send_at(0, request).starts_with("drop"));
    CHECK(flow.send_at(flow.sent - request.size(), request).starts_with("pass"));
    CHECK(flow.send(request).starts_with("pass"));
  }

  TEST_CASE("what divides small chunks takes more memory than its octets") {
    std::string chunks;
    while (chunks.size() < limits::heads_of_a_flow) chunks += "1\r\nx\r\n";
    Requests flow;
    for (uint16_t port = 1000; port < 1100; ++port) {
      flow.connection.local_port = port;
      flow.begin();
      flow.send(post("Transfer-Encoding: chunked", ""));
      CHECK(flow.send(chunks).starts_with("pass"));
    }
    CHECK(flow.check.size() < 40);
  }

  TEST_CASE("a large body is not kept") {
    Requests flow;
    const size_t size = 10 << 20U;
    flow.send(post("Content-Length: " + std::to_string(size), ""));
    for (size_t at = 0; at < size; at += 65536) CHECK(flow.send(std::string(65536, 'b')).starts_with("pass"));
    CHECK(flow.send_at(0, post("Content-Length: " + std::to_string(size), "")).starts_with("pass"));
    CHECK(flow.send(get("evil.example")).starts_with("refuse"));
  }

  TEST_CASE("urgent data is refused") {
    Requests flow;
    flow.send(get("a.example"));
    CHECK(flow.send_at(flow.sent, "G", true) == "refuse, reset 3");
    CHECK(flow.denied() == "urgent");
  }

  TEST_CASE("the agent may not end the connection within a head") {
    const std::string request = get("a.example");
    for (const std::string_view before : {"", "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"})
      for (size_t cut = 1; cut < request.size(); ++cut) {
        Requests flow;
        flow.send(before);
        flow.send(std::string_view(request).substr(0, cut));
        CHECK(flow.end().starts_with("refuse"));
        CHECK(flow.denied() == "unfinished");
        Requests at_once;
        at_once.send(before);
        CHECK(at_once.end(std::string_view(request).substr(0, cut)).contains("refuse"));
      }
  }

  TEST_CASE("the agent may end the connection elsewhere") {
    CHECK(Requests().end() == "pass 2");
    CHECK(Requests().end(get("a.example")) == "follow, pass 2");
    Requests flow;
    flow.send(get("a.example"));
    CHECK(flow.end() == "pass 3");
    CHECK(flow.end() == "pass 4");
    Requests within_body;
    within_body.send(post("Content-Length: 10", "body"));
    CHECK(within_body.end("more") == "pass 3");
    Requests last;
    last.send(get("a.example", "Connection: close\r\n"));
    CHECK(last.end() == "pass 3");
  }

  TEST_CASE("an end behind a missing octet comes again, and none is before octets that were read") {
    Requests flow;
    flow.send(get("a.example"));
    flow.sent += 10;
    CHECK(flow.end() == "drop 3");
    flow.sent = 20;
    CHECK(flow.end() == "refuse, reset 4");
  }

  TEST_CASE("the end of a flow that is not known is no denial") {
    Requests flow;
    flow.send(get("a.example"));
    flow.now += limits::request_idle;
    flow.check.expire(flow.now);
    CHECK(flow.end() == "refuse, reset 3");
    CHECK(flow.denied() == "none");
  }

  TEST_CASE("the rule that opens a flow without a name does so beside one for HTTP") {
    Requests flow("a.example:80,b.example:80/raw");
    CHECK(flow.send("anything") == "pass 2");
    CHECK(flow.check.size() == 1);  // until the server has acknowledged it
  }

  TEST_CASE("TLS at a port for HTTP, and HTTP at a port for TLS, are refused") {
    const std::string hello = record(tls::testing::hello({server_name("a.example")}));
    Requests flow;
    flow.send(hello);
    flow.recorder.write();
    CHECK(flow.audit.events("deny").back()["kind"] == "tls");
    CHECK(flow.audit.events("deny").back()["why"] == "no-rule");
    Requests other("a.example:80/tls");
    other.send(get("a.example"));
    other.recorder.write();
    CHECK(other.audit.events("deny").back()["why"] == "not-tls");
    CHECK(Requests("a.example:8080/tls,a.example:8080/http", 8080).outcome(get("a.example")) == "passes");
  }

  TEST_CASE("a flow that is idle for long is forgotten, and is then unknown") {
    Requests flow;
    flow.send(get("a.example"));
    CHECK(flow.check.due() == flow.now + limits::request_idle);
    flow.now += limits::request_idle;
    flow.check.expire(flow.now);
    CHECK(flow.check.size() == 0);
    CHECK(flow.send(get("a.example")).starts_with("refuse"));
  }

  TEST_CASE("the flow that was silent for the longest makes room for another") {
    Requests flow;
    for (size_t i = 0; i <= limits::request_flows; ++i) {
      flow.connection.local_port = static_cast<uint16_t>(1000 + i);
      flow.begin();
      flow.send(get("a.example"));
      CHECK(flow.check.size() <= limits::request_flows + 1);  // and the first, which sends nothing
    }
    CHECK(flow.send(get("a.example")).starts_with("pass"));
    flow.connection.local_port = 1000;
    flow.sent = get("a.example").size();
    CHECK(flow.send(get("a.example")).starts_with("refuse"));
  }

  TEST_CASE("a new flow with the ports of an earlier one is read from its beginning") {
    Requests flow;
    flow.send(post("Content-Length: 100", ""));
    flow.begin();
    CHECK(flow.send(get("evil.example")) == "follow, refuse, reset 4");
  }
}
