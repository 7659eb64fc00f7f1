#include "relay/telemetry_relay.h"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <signal.h>

#include "../event/loopback.h"
#include "../event/made_up_time.h"
#include "../otlp/metrics.h"
#include "relay/limits.h"
#include "spool_file.h"
#include "tls_peer.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace ostiary::relay::testing;
using namespace std::chrono_literals;
using otlp::testing::attribute;
using otlp::testing::block;
using otlp::testing::counter;
using otlp::testing::field;
using otlp::testing::metric;
using otlp::testing::metrics;

namespace {

// Only a test that fails waits this long.
constexpr auto patience = 5000ms;

// A relay between a client on loopback and a collector that takes everything.
struct Road {
  explicit Road(telemetry::Temporality wanted = telemetry::Temporality::unstated) : temporality(wanted) {
    ::signal(SIGPIPE, SIG_IGN);
  }
  Road(const Road&) = delete;
  Road& operator=(const Road&) = delete;

  void connect(const Exporter::Connected& connected) {
    auto [ours, theirs] = connected_ends();
    peer = std::make_unique<TlsPeer>(std::move(theirs), server, [this](TlsPeer::Connection& connection) {
      received = connection.read_request();
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    connected(std::move(ours));
  }
  // The status of the answer to a post of traces.
  std::string post(const std::string& body, const std::string& path = "/v1/traces") {
    event::testing::LoopbackClient client(listener.address());
    client.send("POST " + path +
                " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer forged\r\nX-Scope-OrgID: other\r\n"
                "Content-Type: application/x-protobuf\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body);
    for (int i = 0; i < 20; ++i) time.turn();
    return client.received().substr(9, 3);
  }

  // What the collector gets of it.
  std::string delivered(const std::string& body) {
    const auto deliveries = [this] {
      return std::ranges::count(reports, Report::Kind::delivered, &Report::kind);
    };
    const auto before = deliveries();
    CHECK(post(body, "/v1/metrics") == "200");
    while (deliveries() == before) REQUIRE(time.loop->turn(patience));
    time.turn();
    peer.reset();
    return received.substr(received.find("\r\n\r\n") + 4);
  }

  const telemetry::Temporality temporality;
  event::testing::MadeUpTime time;
  event::testing::LoopbackListener listener;
  const testing::Identity authority = make_identity("");
  const testing::Identity server = make_identity("DNS:collector.example", &authority);
  const TlsTrust trust = TlsTrust::create(pem_of(authority.certificate)).value();
  std::string received;  // by the collector
  std::unique_ptr<TlsPeer> peer;
  std::vector<Report> reports;
  std::vector<Destination> destinations() {
    std::vector<Destination> all;
    all.push_back(
        {.collector = {.destination = {.host = inet::parse_host("collector.example").value(), .port = 443},
                       .authority = "collector.example",
                       .paths = {{telemetry::Signal::traces, "/v1/traces"},
                                 {telemetry::Signal::metrics, "/v1/metrics"}},
                       .header_lines = Secret("Authorization: Basic c2VjcmV0\r\n")},
         .spool = memory_spool(limits::spool_octets),
         .connect = [this](const Exporter::Connected& connected) { connect(connected); },
         .report = [this](const Report& each) { reports.push_back(each); }});
    return all;
  }
  TelemetryRelay relay{{.loop = *time.loop, .trust = &trust, .random = [] { return 0.0; }},
                       listener.take(),
                       {.attributes = {{"service.name", "claude-code"}},
                        .version = "1.2",
                        .wall_clock = [] { return std::chrono::system_clock::time_point(1h); },
                        .temporality = temporality},
                       destinations()};
};

}  // namespace

TEST_SUITE("relay/telemetry_relay") {
  TEST_CASE("the collector gets the operator's attributes and credentials, and none of the agent's") {
    Road road;
    REQUIRE(road.relay.start());
    const std::string sent = block(attribute("service_name", "forged") + attribute("host.name", "a"), "");
    CHECK(road.post(sent) == "200");
    while (road.reports.empty()) REQUIRE(road.time.loop->turn(patience));
    road.time.turn();
    CHECK(road.relay.is_done());
    road.peer.reset();
    const std::string body =
        block(attribute("host.name", "a") + attribute("service.name", "claude-code"), "");
    CHECK(road.received ==
          "POST /v1/traces HTTP/1.1\r\nHost: collector.example\r\nContent-Type: application/x-protobuf\r\n"
          "Content-Length: " +
              std::to_string(body.size()) + "\r\nAuthorization: Basic c2VjcmV0\r\n\r\n" + body);
  }

  TEST_CASE("the agent cannot send telemetry in the name of ostiary") {
    Road road;
    REQUIRE(road.relay.start());
    CHECK(road.post(block("", field(1, field(1, "Ostiary ")))) == "400");
    CHECK(road.post(block(attribute("service.name", "ostiary"), "")) == "400");
    CHECK(road.post(block("", "damaged")) == "400");
    CHECK(road.peer == nullptr);
    CHECK(road.relay.is_done());
  }

  TEST_CASE("the agent cannot send values that would exhaust a collector's stack") {
    Road road;
    REQUIRE(road.relay.start());
    std::string value = field(1, "x");
    for (int level = 0; level < 100; ++level) value = field(5, field(1, value));
    CHECK(road.post(block(field(1, field(1, "k") + field(2, value)), "")) == "400");
    CHECK(road.peer == nullptr);
  }

  TEST_CASE("telemetry of a kind that the collector does not get is refused, and ostiary's own is left out") {
    Road road;
    REQUIRE(road.relay.start());
    CHECK(road.post(block("", ""), "/v1/logs") == "404");
    road.relay.take_audit(R"({"time":"2026-01-02T03:04:05.678901Z","event":"rotated","deleted":1})");
    road.time.turn_after(10s);
    CHECK(road.peer == nullptr);
  }

  TEST_CASE("the collector gets ostiary's own metrics, with what was refused to the agent") {
    Road road;
    REQUIRE(road.relay.start());
    CHECK(road.post("{}") == "400");
    road.relay.take_audit(
        R"({"time":"2026-01-02T03:04:05.678901Z","event":"deny","kind":"name","why":"no_rule","count":3})");
    road.relay.flush();
    while (road.reports.empty()) REQUIRE(road.time.loop->turn(patience));
    road.peer.reset();
    CHECK(road.received.starts_with("POST /v1/metrics "));
    CHECK(road.received.contains(field(1, attribute("service.name", "ostiary"))));
    CHECK(road.received.contains("ostiary.denials"));
    CHECK(road.received.contains("malformed"));
  }

  TEST_CASE("the agent's deltas arrive as sums if the operator wants cumulative metrics") {
    Road road(telemetry::Temporality::cumulative);
    REQUIRE(road.relay.start());
    const std::string body = metrics(counter("tokens", 5L), {{"service.name", "forged"}});
    (void)road.delivered(body);
    const auto sent = otlp::testing::points_of(road.delivered(body));
    REQUIRE(sent.size() == 1);
    CHECK(otlp::testing::text(sent[0].amount) == "10");
    CHECK(sent[0].temporality == 2);
    CHECK(sent[0].start == 3'600'000'000'000);
    CHECK(sent[0].time > sent[0].start);
    CHECK(road.received.contains(field(1, attribute("service.name", "claude-code"))));
  }

  TEST_CASE("deltas pass unchanged unless the operator wants cumulative metrics") {
    for (const auto wanted : {telemetry::Temporality::unstated, telemetry::Temporality::delta}) {
      Road road(wanted);
      REQUIRE(road.relay.start());
      const std::string body = metrics(counter("tokens", 5L), {{"service.name", "claude-code"}});
      (void)road.delivered(body);
      CHECK(road.delivered(body) == body);
    }
  }

  TEST_CASE("points that cannot be summed are reported, and what is left of the request is sent") {
    Road road(telemetry::Temporality::cumulative);
    REQUIRE(road.relay.start());
    (void)road.delivered(metrics(counter("tokens", 5L) + counter("cost", -1.0)));
    REQUIRE(road.reports.size() == 2);
    CHECK(road.reports[0].kind == Report::Kind::left_out);
    CHECK(road.reports[0].number == 1);
    CHECK(road.post(metrics(counter("cost", -1.0)), "/v1/metrics") == "200");
    CHECK(road.post(metrics(metric("a", 7, field(1, otlp::testing::number_field(4, 5)))), "/v1/metrics") ==
          "400");
    CHECK(road.peer == nullptr);
  }

  TEST_CASE("a body that is no request of telemetry is refused, and an empty one costs no connection") {
    Road road;
    REQUIRE(road.relay.start());
    CHECK(road.post("{}") == "400");
    CHECK(road.post("") == "200");
    CHECK(road.peer == nullptr);
    CHECK(road.relay.is_done());
  }
}
