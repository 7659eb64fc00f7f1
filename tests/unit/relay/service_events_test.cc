#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/socket.h>

#include "../event/loopback.h"
#include "../event/made_up_time.h"
#include "ostiary/keeper/channel.h"
#include "ostiary/link/audit_lines.h"
#include "outcome.h"
#include "relay/service.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace std::chrono_literals;
using telemetry::Signal;

namespace {

constexpr std::string_view line =
    R"({"time":"2026-01-02T03:04:05.678901Z","event":"deny","kind":"name","name":"a.example","count":1})"
    "\n";

// A service with a collector for logs, between the senders of the audit's lines and a gate that the test is.
struct World {
  explicit World(OwnEvents own_events)
      : setup{.collectors = {{.server = {.scheme = inet::Scheme::http,
                                         .destination = {.host = inet::parse_host("c.example").value(),
                                                         .port = 4318}},
                              .authority = "c.example:4318",
                              .protocol = telemetry::Protocol::http_protobuf,
                              .compression = telemetry::Compression::none,
                              .paths = {{Signal::logs, "/v1/logs"}}}},
              .spool_octets = limits::spool_octets,
              .own_events = own_events} {
    ::signal(SIGPIPE, SIG_IGN);
    Service::Inheritance inheritance{.credentials = {},
                                     .listener = std::move(listener.fd),
                                     .gate = std::move(connections.relay),
                                     .audit = std::move(audit.relay),
                                     .spools = {},
                                     .first_connection = 1};
    inheritance.credentials.emplace_back("");
    inheritance.spools.push_back(open_spool().value());
    service = Service::create({.loop = *time.loop,
                               .setup = setup,
                               .trust = nullptr,
                               .random = [] { return 0.0; },
                               .send = [this](const Message& each) { messages.push_back(each); }},
                              std::move(inheritance))
                  .value();
    REQUIRE(service->start());
  }

  void send(std::string_view lines) const {
    REQUIRE(::send(audit.senders.get(), lines.data(), lines.size(), MSG_DONTWAIT) > 0);
  }
  // Whether there is something to export.
  bool asks_the_gate() {
    for (int i = 0; i < 20; ++i) time.turn();
    char octet = 0;
    return ::recv(connections.gate.get(), &octet, 1, MSG_DONTWAIT) > 0;
  }
  // Whether a drain had nothing to deliver.
  bool is_drained_at_once() {
    service->drain({.time_limit = 10s});
    for (int i = 0; i < 20; ++i) time.turn();
    return messages.size() == 1 && messages[0].kind == Message::Kind::drained;
  }

  event::testing::MadeUpTime time;
  event::testing::LoopbackListener listener;
  link::ConnectionPair connections = link::make_connection_pair().value();
  link::AuditPair audit = link::make_audit_pair().value();
  const Setup setup;
  std::vector<Message> messages;
  std::unique_ptr<Service> service;
};

}  // namespace

TEST_SUITE("relay/service_events") {
  TEST_CASE("a line of the audit is exported with those of the next seconds") {
    World world(OwnEvents::sent);
    world.send(line);
    CHECK_FALSE(world.asks_the_gate());
    world.time.turn_after(limits::batch_time);
    CHECK(world.asks_the_gate());
  }

  TEST_CASE("a drain exports the lines that wait to be read") {
    World world(OwnEvents::sent);
    world.send(line);
    world.send(line);
    CHECK_FALSE(world.is_drained_at_once());
    CHECK(world.asks_the_gate());
  }

  TEST_CASE("without a line a drain has nothing to deliver") {
    World world(OwnEvents::sent);
    CHECK(world.is_drained_at_once());
  }

  TEST_CASE("lines are not exported if that is switched off") {
    World world(OwnEvents::left_out);
    world.send(line);
    CHECK(world.is_drained_at_once());
    CHECK_FALSE(world.asks_the_gate());
  }
}
