#include "relay/service.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/socket.h>

#include "../event/loopback.h"
#include "../event/made_up_time.h"
#include "../otlp/messages.h"
#include "ostiary/keeper/channel.h"
#include "spool_file.h"
#include "tls_peer.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace ostiary::relay::testing;
using namespace std::chrono_literals;
using otlp::testing::attribute;
using otlp::testing::block;
using telemetry::Signal;
using Texts = std::vector<std::string>;

namespace {

// Only a test that fails waits this long.
constexpr auto patience = 5000ms;

constexpr uint32_t first_connection = 100;

CollectorSetup collector(const char* host, std::map<Signal, std::string> paths) {
  return {.server = {.scheme = inet::Scheme::http,
                     .destination = {.host = inet::parse_host(host).value(), .port = 4318}},
          .authority = std::string(host) + ":4318",
          .protocol = telemetry::Protocol::http_protobuf,
          .compression = telemetry::Compression::none,
          .paths = std::move(paths)};
}

std::string text(const Message& message) {
  switch (message.kind) {
    case Message::Kind::delivered:
      return message.text + " delivered";
    case Message::Kind::delayed:
      return message.text + " delayed: " + message.reason;
    case Message::Kind::refused:
      return message.text + " refused " + std::to_string(message.number);
    case Message::Kind::unserved:
      return message.text + " unserved " + std::to_string(message.number) + ": " + message.reason;
    case Message::Kind::recovered:
      return message.text + " recovered " + std::to_string(message.number);
    case Message::Kind::damaged:
      return message.text + " damaged " + std::to_string(message.number);
    case Message::Kind::drained:
      return "drained " + std::to_string(message.number);
    default:
      return "another kind";
  }
}

// The service between a client on loopback, and a gate and collectors that the test is.
struct World {
  explicit World(const char* host_of_logs = "d.example", std::vector<UniqueFd> files = memory_files())
      : setup(made_up_setup(host_of_logs)), spools(std::move(files)) {
    ::signal(SIGPIPE, SIG_IGN);
    REQUIRE(service->start());
  }
  ~World() {
    service.reset();  // ends its connections, for which the peers wait
    peers.clear();
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // The status of the answer.
  std::string post(const char* signal) {
    event::testing::LoopbackClient client(address);
    const std::string body = block(attribute("host.name", "a"), "");
    client.send("POST /v1/" + std::string(signal) +
                " HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body);
    for (int i = 0; i < 20; ++i) time.turn();
    return client.received().substr(9, 3);
  }
  // The number of the server for which the gate is asked. Nothing if it is not asked.
  std::optional<link::ConnectRequest> request() {
    char octet = 0;
    if (::recv(pair.gate.get(), &octet, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) return std::nullopt;
    return link::parse_connect_request(keeper::receive(pair.gate.get()).value().value());
  }
  void refuse(uint32_t id, std::string why) {
    REQUIRE(keeper::send(pair.gate.get(), link::render(link::ConnectReply{id, std::move(why)})));
    time.turn();
  }
  // Connects to a collector that answers one request.
  void connect(uint32_t id, const std::string& answer) {
    auto [ours, theirs] = connected_ends();
    peers.push_back(
        std::make_unique<TlsPeer>(std::move(theirs), [this, answer](TlsPeer::Connection& connection) {
          received = connection.read_request();
          connection.write(answer);
        }));
    REQUIRE(keeper::send_with_descriptor(pair.gate.get(), link::render(link::ConnectReply{id}), ours.get()));
  }
  void await_messages(size_t count) {
    while (messages.size() < count) REQUIRE(time.loop->turn(patience));
  }

  event::testing::MadeUpTime time;
  event::testing::LoopbackListener listener;
  event::testing::LoopbackListener api_listener;
  event::testing::LoopbackListener registry_listener;
  const inet::SocketAddress address = listener.address();
  const inet::SocketAddress api_address = api_listener.address();
  const inet::SocketAddress registry_address = registry_listener.address();
  link::ConnectionPair pair = link::make_connection_pair().value();
  const Setup setup;
  std::vector<UniqueFd> spools;
  std::string received;  // by a collector
  std::vector<std::unique_ptr<TlsPeer>> peers;
  Texts messages;
  std::unique_ptr<Service> service =
      Service::create({.loop = *time.loop,
                       .setup = setup,
                       .trust = nullptr,
                       .forwards_trust = {nullptr, nullptr},
                       .random = [] { return 0.0; },
                       .send = [this](const Message& each) { messages.push_back(text(each)); }},
                      {.credentials = credentials(),
                       .listener = std::move(listener.fd),
                       .gate = std::move(pair.relay),
                       .audit = {},
                       .spools = std::move(spools),
                       .forwards = forward_listeners(),
                       .first_connection = first_connection})
          .value();

 private:
  std::vector<UniqueFd> forward_listeners() {
    std::vector<UniqueFd> all;
    all.push_back(std::move(api_listener.fd));
    all.push_back(std::move(registry_listener.fd));
    return all;
  }
  static Setup made_up_setup(const char* host_of_logs) {
    return {
        .collectors = {collector("c.example", {{Signal::traces, "/v1/traces"}}),
                       collector(host_of_logs, {{Signal::logs, "/d"}})},
        .attributes = {{.name = "service.name", .value = "claude-code"}},
        .forwards =
            {{.name = "the API",
              .server = {.scheme = inet::Scheme::http,
                         .destination = {.host = inet::parse_host("api.example").value(), .port = 80}},
              .authority = "api.example",
              .base_path = "/base",
              .replaced = {"x-api-key"},
              .passing = {"anthropic-"},
              .allowed = {{.methods = {"POST"}, .path = "/v1/messages"}},
              .errors = ErrorForm::anthropic},
             {.name = "registry",
              .server = {.scheme = inet::Scheme::http,
                         .destination = {.host = inet::parse_host("registry.example").value(), .port = 8080}},
              .authority = "registry.example:8080",
              .replaced = {"X-Key"},
              .passing = {"npm-command"},
              .allowed =
                  {{.methods = {"GET"}, .path = "/a", .match = AllowedRequests::Match::with_paths_below}}}},
        .spool_octets = limits::spool_octets};
  }
  static std::vector<UniqueFd> memory_files() {
    std::vector<UniqueFd> files;
    for (int i = 0; i < 2; ++i) files.push_back(open_spool().value());
    return files;
  }
  static Credentials credentials() {
    Credentials all;
    all.emplace_back("x-key: of-c\r\n");
    all.emplace_back("x-key: of-d\r\n");
    all.emplace_back("x-api-key: of-api\r\n");
    all.emplace_back("X-Key: of-registry\r\n");
    return all;
  }
};

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const std::string bad = "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

}  // namespace

TEST_SUITE("relay/service") {
  TEST_CASE("telemetry goes to the collector of its signal, with that collector's credential alone") {
    World world;
    CHECK(world.post("logs") == "200");
    const auto request = world.request();
    REQUIRE(request);
    CHECK(request->id == first_connection);
    CHECK(request->server == 1);
    world.connect(request->id, ok);
    world.await_messages(1);
    CHECK(world.messages == Texts{"d.example:4318 delivered"});
    CHECK(world.received.starts_with("POST /d HTTP/1.1\r\nHost: d.example:4318\r\n"));
    CHECK(world.received.contains("\r\nx-key: of-d\r\n"));
    CHECK_FALSE(world.received.contains("of-c"));
    CHECK(world.received.contains("claude-code"));
    CHECK_FALSE(world.request());
  }

  TEST_CASE("what an earlier process left is told, and sent") {
    std::vector<UniqueFd> files;
    files.push_back(memory_file(std::string(5000, 'x')));
    files.push_back(memory_file());
    {
      Spool left = open_spool(files[1], limits::spool_octets);
      for (int i = 0; i < 2; ++i) REQUIRE(left.add({.signal = Signal::logs, .body = "of before"}));
    }
    World world("d.example", std::move(files));
    CHECK(world.messages == Texts{"c.example:4318 damaged 5000", "d.example:4318 recovered 2"});
    world.time.turn();
    const auto request = world.request();
    REQUIRE(request);
    CHECK(request->server == 1);
    world.connect(request->id, ok);
    world.await_messages(3);
    CHECK(world.received.ends_with("\r\n\r\nof beforeof before"));
  }

  TEST_CASE("a request goes to the server of its listener, with that server's credential alone") {
    World world;
    event::testing::LoopbackClient client(world.api_address);
    client.send("POST /v1/messages HTTP/1.1\r\nHost: a\r\nx-api-key: forged\r\nContent-Length: 2\r\n\r\n{}");
    for (int i = 0; i < 20; ++i) world.time.turn();
    const auto request = world.request();
    REQUIRE(request);
    CHECK(request->server == 2);
    world.connect(request->id, ok);
    while (client.received().empty()) REQUIRE(world.time.loop->turn(patience));
    CHECK(client.received().starts_with("HTTP/1.1 200 OK"));
    CHECK(world.received.starts_with("POST /base/v1/messages HTTP/1.1\r\nHost: api.example\r\n"));
    CHECK(world.received.contains("\r\nx-api-key: of-api\r\n"));
    CHECK_FALSE(world.received.contains("forged"));
    CHECK_FALSE(world.received.contains("of-c"));
  }

  TEST_CASE("of two forwards each has its server, its credential, its paths, its fields and its errors") {
    World world;
    const auto ask = [&](const inet::SocketAddress& at, const std::string& line, size_t server) {
      event::testing::LoopbackClient client(at);
      client.send(line +
                  " HTTP/1.1\r\nHost: a\r\nX-Key: forged\r\nx_api_key: forged\r\nnpm-command: ci\r\n"
                  "anthropic-beta: b\r\nContent-Length: 0\r\n\r\n");
      for (int i = 0; i < 20; ++i) world.time.turn();
      const auto request = world.request();
      if (!request) return client.received();
      CHECK(request->server == server);
      world.connect(request->id, ok);
      while (client.received().empty()) REQUIRE(world.time.loop->turn(patience));
      return std::exchange(world.received, {});
    };
    CHECK(ask(world.registry_address, "GET /a/b", 3) ==
          "GET /a/b HTTP/1.1\r\nHost: registry.example:8080\r\nnpm-command: ci\r\nContent-Length: 0\r\n"
          "X-Key: of-registry\r\n\r\n");
    CHECK(ask(world.api_address, "POST /v1/messages", 2) ==
          "POST /base/v1/messages HTTP/1.1\r\nHost: api.example\r\nanthropic-beta: b\r\n"
          "Content-Length: 0\r\nx-api-key: of-api\r\n\r\n");
    CHECK(ask(world.registry_address, "POST /v1/messages", 3)
              .contains("Content-Type: text/plain; charset=utf-8\r\n"));
    CHECK(ask(world.api_address, "GET /a/b", 2).contains("Content-Type: application/json\r\n"));
    REQUIRE(world.messages.size() >= 1);
    CHECK(world.messages[0] ==
          "registry unserved 1: POST /v1/messages: the operator does not allow this path");
  }

  TEST_CASE("a request that is not allowed is answered and told, and no server is asked") {
    World world;
    event::testing::LoopbackClient client(world.api_address);
    client.send("GET /v1/files HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 20; ++i) world.time.turn();
    CHECK(client.received().starts_with("HTTP/1.1 404 "));
    CHECK_FALSE(world.request());
    CHECK(world.messages ==
          Texts{"the API unserved 1: GET /v1/files: the operator does not allow this path"});
  }

  TEST_CASE("what the gate cannot connect to is delayed, with the gate's reason") {
    World world;
    CHECK(world.post("traces") == "200");
    const auto request = world.request();
    REQUIRE(request);
    CHECK(request->server == 0);
    world.refuse(request->id, "c.example did not resolve");
    CHECK(world.messages == Texts{"c.example:4318 delayed: c.example did not resolve"});
  }

  TEST_CASE("collectors at one server, with other credentials, are told apart by their signals") {
    World world("c.example");
    CHECK(world.post("traces") == "200");
    CHECK(world.post("logs") == "200");
    world.refuse(first_connection, "no");
    world.refuse(first_connection + 1, "no");
    CHECK(world.messages ==
          Texts{"c.example:4318 (traces) delayed: no", "c.example:4318 (logs) delayed: no"});
  }

  TEST_CASE("a drain with nothing to deliver ends at once") {
    World world;
    world.service->drain({.time_limit = 1h});
    world.time.turn();
    CHECK(world.messages == Texts{"drained 0"});
    world.time.turn_after(2h);
    CHECK(world.messages.size() == 1);
  }

  TEST_CASE("a drain ends when everything is delivered, and not before") {
    World world;
    CHECK(world.post("traces") == "200");
    CHECK(world.post("logs") == "200");
    const auto traces = world.request(), logs = world.request();
    REQUIRE(traces);
    REQUIRE(logs);
    world.service->drain({.time_limit = 1h});
    world.time.turn();
    CHECK(world.messages.empty());
    world.connect(logs->id, ok);
    world.await_messages(1);
    world.time.turn();
    CHECK(world.messages == Texts{"d.example:4318 delivered"});
    world.connect(traces->id, ok);
    world.await_messages(3);
    CHECK(world.messages == Texts{"d.example:4318 delivered", "c.example:4318 delivered", "drained 0"});
  }

  TEST_CASE("a drain ends at its time limit, with the number of posts that are left") {
    World world;
    CHECK(world.post("traces") == "200");
    CHECK(world.post("traces") == "200");
    world.service->drain({.time_limit = 5s});
    world.time.turn_after(5s - 1ms);
    CHECK(world.messages.empty());
    world.time.turn_after(1ms);
    CHECK(world.messages == Texts{"drained 2"});
  }

  TEST_CASE("a post that the collector does not take makes the drain no longer") {
    World world;
    CHECK(world.post("traces") == "200");
    world.service->drain({.time_limit = 5s});
    world.time.turn_after(3s);
    world.refuse(first_connection, "no");
    CHECK(world.messages.size() == 1);
    world.time.turn_after(2s);
    CHECK(world.messages == Texts{"c.example:4318 delayed: no", "drained 1"});
  }

  TEST_CASE("a drain tells the counts that wait, and then that it has ended") {
    World world;
    CHECK(world.post("traces") == "200");
    world.connect(world.request().value().id, bad);
    world.await_messages(1);
    CHECK(world.post("logs") == "200");
    world.service->drain({.time_limit = 1h});
    world.connect(world.request().value().id, bad);
    world.await_messages(3);
    CHECK(world.messages == Texts{"c.example:4318 refused 1", "d.example:4318 refused 1", "drained 0"});
  }

  TEST_CASE("telemetry is taken and delivered during a drain and after it") {
    World world;
    world.service->drain({.time_limit = 1h});
    world.time.turn();
    CHECK(world.messages == Texts{"drained 0"});
    CHECK(world.post("traces") == "200");
    const auto request = world.request();
    REQUIRE(request);
    world.connect(request->id, ok);
    world.await_messages(2);
    CHECK(world.messages == Texts{"drained 0", "c.example:4318 delivered"});
  }
}
