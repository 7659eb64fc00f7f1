#include "relay/exporter.h"

#include <algorithm>
#include <array>
#include <deque>
#include <future>
#include <mutex>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/socket.h>

#include "../event/made_up_time.h"
#include "../otlp/messages.h"
#include "gunzip.h"
#include "http2_server.h"
#include "relay/limits.h"
#include "relay/redact.h"
#include "spool_file.h"
#include "tls_peer.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace ostiary::relay::testing;
using namespace std::literals;
using Texts = std::vector<std::string>;

namespace {

// Only a test that fails waits this long.
constexpr auto patience = 5000ms;

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

std::string answer(int status, std::string_view fields = "", std::string_view body = "") {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

std::string text(const Report& report) {
  constexpr std::array<std::string_view, 7> kinds{"delivered", "rejected in part", "refused",  "delayed",
                                                  "displaced", "left out",         "forgotten"};
  std::string line(kinds.at(static_cast<size_t>(report.kind)));
  if (report.number != 0) line += " (" + std::to_string(report.number) + ")";
  if (report.posts != 1) line += ", " + std::to_string(report.posts) + " posts";
  return report.why.empty() ? line : line + ": " + report.why;
}

// An exporter, and a collector with one script for each connection.
struct World {
  explicit World(const std::string& names = "DNS:collector.example", long valid_for_seconds = 3600)
      : server(make_identity(names, &authority, valid_for_seconds)) {
    ::signal(SIGPIPE, SIG_IGN);  // as in the relay's process
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void connect(const Exporter::Connected& connected) {
    ++connections;
    if (scripts.empty()) return connected(fail(Exit::unavailable, "no address of collector.example answers"));
    auto [ours, theirs] = connected_ends();
    constexpr timeval limit{.tv_sec = patience.count() / 1000, .tv_usec = 0};
    ::setsockopt(theirs.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    peers.push_back(is_tls ? std::make_unique<TlsPeer>(std::move(theirs), server, std::move(scripts.front()),
                                                       newest_version, client_authority)
                           : std::make_unique<TlsPeer>(std::move(theirs), std::move(scripts.front())));
    scripts.pop_front();
    connected(std::move(ours));
  }
  // A connection that gives these answers, one to each request, and then ends.
  void answers(const Texts& each) {
    scripts.push_back([this, each](TlsPeer::Connection& connection) {
      for (const std::string& next : each) {
        const std::string request = connection.read_request();
        if (request.empty()) return;
        note(request);
        connection.write(next);
      }
    });
  }
  // A connection of gRPC whose server answers so, and which ends after so many calls.
  void answers_calls(size_t number, const Http2Server::OnCall& on_call) {
    scripts.push_back([this, number, on_call](TlsPeer::Connection& connection) {
      note(connection.protocol());
      Http2Server calls(on_call);
      while (calls.calls().size() < number) {
        const std::string octets = connection.read();
        if (octets.empty()) return;
        connection.write(calls.take(octets));
      }
      for (const Http2Server::Call& call : calls.calls()) note(call.body.substr(5));
    });
  }
  void note(const std::string& request) {
    const std::scoped_lock lock(mutex);
    requests_.push_back(request);
  }
  Texts requests() {
    const std::scoped_lock lock(mutex);
    return requests_;
  }
  Texts bodies() {
    Texts bodies;
    for (const std::string& request : requests())
      bodies.push_back(request.substr(request.find("\r\n\r\n") + 4));
    return bodies;
  }
  Exporter& exporter() {
    if (!made)
      made = std::make_unique<Exporter>(
          Exporter::Parts{.loop = *time.loop,
                          .trust = &trust,
                          .connect = [this](const Exporter::Connected& connected) { connect(connected); },
                          .random = [] { return 0.0; },
                          .report = [this](const Report& report) { reports.push_back(text(report)); },
                          .renew = renew},
          Collector{.destination = {.host = inet::parse_host(host).value(), .port = 443},
                    .protocol = protocol,
                    .is_tls = is_tls,
                    .authority = host,
                    .paths = {{telemetry::Signal::traces, "/otlp/v1/traces"},
                              {telemetry::Signal::metrics, "/otlp/v1/metrics"},
                              {telemetry::Signal::logs, "/otlp/v1/logs"}},
                    .coding = coding,
                    .header_lines = Secret("Authorization: Basic c2VjcmV0\r\n")},
          open_spool(file, size_t{1} << 20U));
    return *made;
  }
  void add(std::string body, telemetry::Signal signal = telemetry::Signal::traces) {
    queue(std::move(body), signal);
    time.turn();
  }
  // Behind what is being sent.
  void queue(std::string body, telemetry::Signal signal = telemetry::Signal::traces) {
    REQUIRE(exporter().add({.signal = signal, .body = std::move(body)}));
  }
  // Handles events until there are so many reports.
  void await_reports(size_t number) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (reports.size() < number && std::chrono::steady_clock::now() < end)
      REQUIRE(time.loop->turn(patience));
    REQUIRE(reports.size() >= number);
  }
  // The only report of one post.
  std::string report_of(std::string body) {
    add(std::move(body));
    await_reports(1);
    return reports.at(0);
  }

  event::testing::MadeUpTime time;
  const Identity authority = make_identity("");
  Identity server;
  std::string host = "collector.example";
  TlsTrust trust = TlsTrust::create(pem_of(authority.certificate)).value();
  telemetry::Protocol protocol = telemetry::Protocol::http_protobuf;
  bool is_tls = true;
  Coding coding = Coding::identity;
  UniqueFd file = memory_file();
  int newest_version = 0;
  const Certificate* client_authority = nullptr;
  std::function<void(Post&)> renew;
  std::deque<TlsPeer::Serve> scripts;
  std::mutex mutex;
  Texts requests_;
  Texts reports;
  size_t connections = 0;
  std::vector<std::unique_ptr<TlsPeer>> peers;
  std::unique_ptr<Exporter> made;
};

}  // namespace

TEST_SUITE("relay/exporter") {
  TEST_CASE("a post is sent with the credentials, to the path of its signal") {
    World world;
    world.answers({ok, ok});
    world.add("body");
    world.add("logs", telemetry::Signal::logs);
    world.await_reports(2);
    CHECK(world.reports == Texts{"delivered", "delivered"});
    const std::string rest =
        "Host: collector.example\r\nContent-Type: application/x-protobuf\r\nContent-Length: 4\r\n"
        "Authorization: Basic c2VjcmV0\r\n\r\n";
    CHECK(world.requests() == Texts{"POST /otlp/v1/traces HTTP/1.1\r\n" + rest + "body",
                                    "POST /otlp/v1/logs HTTP/1.1\r\n" + rest + "logs"});
    CHECK(world.connections == 1);
    CHECK(world.exporter().is_done());
  }

  TEST_CASE("a collector in plain text gets the same request") {
    World world;
    world.is_tls = false;
    world.answers({answer(503), ok});
    CHECK(world.report_of("body") == "delayed: the collector answers 503");
    world.time.now += 500ms;
    world.await_reports(2);
    CHECK(world.reports.at(1) == "delivered");
    REQUIRE(world.requests().size() == 2);
    CHECK(world.requests().at(1) ==
          "POST /otlp/v1/traces HTTP/1.1\r\nHost: collector.example\r\n"
          "Content-Type: application/x-protobuf\r\nContent-Length: 4\r\n"
          "Authorization: Basic c2VjcmV0\r\n\r\nbody");
  }

  TEST_CASE("a post is compressed once, if the collector wants it, and its retries are the same") {
    World world;
    world.coding = Coding::gzip;
    world.answers({answer(503), ok});
    const std::string body(10'000, 'x');
    CHECK(world.report_of(body) == "delayed: the collector answers 503");
    CHECK(world.exporter().spool().octets() < 1000);
    world.time.now += 500ms;
    world.await_reports(2);
    const Texts requests = world.requests();
    REQUIRE(requests.size() == 2);
    CHECK(requests[0] == requests[1]);
    const size_t end = requests[0].find("\r\n\r\n");
    CHECK(requests[0].substr(0, end).contains("\r\nContent-Encoding: gzip\r\n"));
    CHECK(gunzip(requests[0].substr(end + 4)) == body);
  }

  TEST_CASE("a post of many octets arrives whole") {
    World world;
    world.answers({ok});
    const std::string body(800'000, 'x');
    CHECK(world.report_of(body) == "delivered");
    CHECK(world.requests().at(0).ends_with("\r\n\r\n" + body));
  }

  TEST_CASE("the certificate must be that of the host, from a trusted authority, and valid") {
    constexpr std::string_view refused = "delayed: the server's certificate is refused: ";
    SUBCASE("another name") {
      World world("DNS:other.example,DNS:x.collector.example,DNS:*.example.org");
      world.answers({ok});
      CHECK(world.report_of("body") == std::string(refused) + "hostname mismatch");
      CHECK(world.requests().empty());
    }
    SUBCASE("another authority") {
      World world;
      world.trust = TlsTrust::create(pem_of(make_identity("").certificate)).value();
      world.answers({ok});
      CHECK(world.report_of("body").starts_with(refused));
      CHECK(world.requests().empty());
    }
    SUBCASE("expired") {
      World world("DNS:collector.example", -60);
      world.answers({ok});
      CHECK(world.report_of("body") == std::string(refused) + "certificate has expired");
    }
    SUBCASE("an address in place of a name") {
      World world("IP:192.0.2.1");
      world.host = "192.0.2.1";
      world.answers({ok});
      CHECK(world.report_of("body") == "delivered");
      World other("IP:192.0.2.2,DNS:192.0.2.1");
      other.host = "192.0.2.1";
      other.answers({ok});
      CHECK(other.report_of("body") == std::string(refused) + "IP address mismatch");
    }
  }

  TEST_CASE("TLS 1.1 is refused") {
    World world;
    world.newest_version = TLS1_1_VERSION;
    world.answers({ok});
    CHECK(world.report_of("body").starts_with("delayed: TLS: "));
    World tls_1_2;
    tls_1_2.newest_version = TLS1_2_VERSION;
    tls_1_2.answers({ok});
    CHECK(tls_1_2.report_of("body") == "delivered");
  }

  TEST_CASE("a collector that asks for the client's certificate gets it") {
    World world;
    const Identity client = make_identity("", &world.authority);
    world.client_authority = &world.authority.certificate;
    const ClientCertificate certificate{.chain = Secret(pem_of(client.certificate)),
                                        .key = Secret(pem_of(client.key))};
    world.trust = TlsTrust::create(pem_of(world.authority.certificate), &certificate).value();
    world.answers({ok});
    CHECK(world.report_of("body") == "delivered");
    CHECK_FALSE(TlsTrust::create(pem_of(world.authority.certificate),
                                 std::make_unique<ClientCertificate>(
                                     ClientCertificate{.chain = Secret(pem_of(world.authority.certificate)),
                                                       .key = Secret(pem_of(client.key))})
                                     .get())
                    .has_value());
    CHECK_FALSE(TlsTrust::create("no certificate").has_value());
    std::string damaged = pem_of(client.certificate);
    damaged.replace(damaged.find('\n') + 5, 4, "!!!!");
    const auto refused =
        TlsTrust::create(pem_of(world.authority.certificate) + damaged + pem_of(client.certificate));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message == "holds a damaged certificate, number 2");
  }

  TEST_CASE("a post that is delayed is sent again after a pause, before newer ones") {
    World world;
    world.answers({answer(503), ok, ok});
    world.add("first");
    world.add("second");
    world.await_reports(1);
    CHECK(world.reports == Texts{"delayed: the collector answers 503"});
    CHECK(world.requests().size() == 1);
    CHECK(world.time.loop->deadline() == world.time.now + 500ms);
    world.add("third");  // it does not shorten the pause
    world.time.turn();
    CHECK(world.requests().size() == 1);
    world.time.now += 500ms;
    world.await_reports(3);
    CHECK(world.bodies() == Texts{"first", "first", "secondthird"});
    CHECK(world.reports.back() == "delivered, 2 posts");
  }

  TEST_CASE("posts of one signal that wait are sent together") {
    World world;
    world.answers({ok, ok, ok});
    world.add("first");
    for (const char* body : {"a", "b", "c"}) world.queue(body);
    for (const char* body : {"d", "e"}) world.queue(body, telemetry::Signal::logs);
    world.await_reports(3);
    CHECK(world.bodies() == Texts{"first", "abc", "de"});
    CHECK(world.reports == Texts{"delivered", "delivered, 3 posts", "delivered, 2 posts"});
    CHECK(world.requests().at(2).starts_with("POST /otlp/v1/logs "));
    CHECK(world.exporter().is_done());
  }

  TEST_CASE("posts are sent together up to a limit, and not if they are compressed") {
    World world;
    const std::string large(limits::merged_octets - 1, 'x');
    SUBCASE("the limit") {
      world.answers({ok, ok, ok});
      world.add("first");
      for (const std::string& body : {large, "a"s, "b"s}) world.queue(body);
      world.await_reports(3);
      CHECK(world.bodies() == Texts{"first", large + "a", "b"});
    }
    SUBCASE("compressed") {
      world.coding = Coding::gzip;
      world.answers({ok, ok, ok});
      world.add("first");
      for (const char* body : {"a", "b"}) world.queue(body);
      world.await_reports(3);
      CHECK(gunzip(world.bodies().at(1)) == "a");
      CHECK(gunzip(world.bodies().at(2)) == "b");
    }
  }

  TEST_CASE("posts that the collector does not take together are sent alone, so that one costs no other") {
    World world;
    world.answers({ok, answer(400), ok, answer(400), ok, ok});
    world.add("first");
    for (const char* body : {"a", "bad", "c"}) world.queue(body);
    world.await_reports(2);
    for (const char* body : {"d", "e"}) world.queue(body);
    world.await_reports(5);
    CHECK(world.bodies() == Texts{"first", "abadc", "a", "bad", "c", "de"});
    CHECK(world.reports == Texts{"delivered", "delivered", "refused: the collector answers 400", "delivered",
                                 "delivered, 2 posts"});
  }

  TEST_CASE("posts that the collector puts off together are sent alone after the pause") {
    World world;
    world.answers({ok, answer(503), ok, ok});
    world.add("first");
    for (const char* body : {"a", "b"}) world.queue(body);
    world.await_reports(2);
    CHECK(world.reports.back() == "delayed: the collector answers 503");
    world.time.now += 500ms;
    world.await_reports(4);
    CHECK(world.bodies() == Texts{"first", "ab", "a", "b"});
  }

  TEST_CASE("a post that the collector puts off again and again does not hold up the others") {
    World world;
    world.answers({answer(429), answer(429), answer(429), ok, ok});
    world.add("large");
    world.add("second");
    for (size_t tries = 1; tries <= limits::tries; ++tries) {
      world.await_reports(tries);
      world.time.now += 60s;
    }
    world.await_reports(limits::tries + 2);
    const Texts requests = world.requests();
    REQUIRE(requests.size() == 5);
    CHECK(requests[3].ends_with("\r\n\r\nsecond"));
    CHECK(requests[4].ends_with("\r\n\r\nlarge"));
    CHECK(world.exporter().is_done());
  }

  TEST_CASE("a post at which the collector ends the connection does not hold up the others") {
    World world;
    for (size_t tries = 1; tries <= limits::tries; ++tries) world.answers({""});
    world.answers({ok, ok});
    world.add("bad");
    world.queue("second");
    for (size_t tries = 1; tries <= limits::tries; ++tries) {
      world.await_reports(tries);
      world.time.now += 60s;
    }
    world.await_reports(limits::tries + 2);
    CHECK(world.bodies() == Texts{"bad", "bad", "bad", "second", "bad"});
  }

  TEST_CASE("a post that goes behind others is brought up to date, compressed or not") {
    for (const Coding coding : {Coding::identity, Coding::gzip}) {
      World world;
      world.coding = coding;
      world.renew = [](Post& post) { post.body += " renewed"; };
      world.answers({answer(429), answer(429), answer(429), ok, ok});
      world.add("large");
      world.add("second");
      for (size_t tries = 1; tries <= limits::tries; ++tries) {
        world.await_reports(tries);
        world.time.now += 60s;
      }
      world.await_reports(limits::tries + 2);
      const Texts requests = world.requests();
      REQUIRE(requests.size() == 5);
      const auto body = [&](size_t number) {
        const std::string sent = requests[number].substr(requests[number].find("\r\n\r\n") + 4);
        return coding == Coding::gzip ? gunzip(sent) : sent;
      };
      CHECK(body(2) == "large");
      CHECK(body(3) == "second");
      CHECK(body(4) == "large renewed");
    }
  }

  TEST_CASE("the pause is as long as the collector asks") {
    World world;
    world.answers({answer(429, "Retry-After: 20\r\n")});
    CHECK(world.report_of("body") == "delayed: the collector answers 429");
    CHECK(world.time.loop->deadline() == world.time.now + 20s);
  }

  TEST_CASE("a post that is refused is not sent again, and the next is sent") {
    World world;
    world.answers({answer(400), answer(302, "Location: https://other.example/\r\n"), ok});
    size_t reports = 0;
    for (const char* body : {"one", "two", "three"}) {
      world.add(body);
      world.await_reports(++reports);
    }
    CHECK(world.reports ==
          Texts{"refused: the collector answers 400", "refused: the collector answers 302", "delivered"});
    CHECK(world.connections == 1);
  }

  TEST_CASE("the part that the collector did not take is reported") {
    World world;
    using otlp::testing::field;
    using otlp::testing::number_field;
    world.answers({answer(200, "", field(1, number_field(1, 7) + field(2, "too\nold")))});
    CHECK(world.report_of("body") == "rejected in part (7): too\\x0aold");
  }

  TEST_CASE("a warning of the collector is a delivery") {
    World world;
    using otlp::testing::field;
    world.answers({answer(200, "", field(1, field(2, "use another path")))});
    CHECK(world.report_of("body") == "delivered: use another path");
  }

  TEST_CASE("a refusal is final, even if its body cannot be read") {
    World world;
    world.answers({answer(413, "", std::string(70'000, 'x'))});
    world.answers({"HTTP/1.1 400 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"});
    world.answers({ok});
    size_t reports = 0;
    for (const char* body : {"one", "two", "three"}) {
      world.add(body);
      world.await_reports(++reports);
    }
    CHECK(world.reports ==
          Texts{"refused: the collector answers 413", "refused: the collector answers 400", "delivered"});
  }

  TEST_CASE("a post is sent in the next turn, so that its sender does not wait for the connection") {
    World world;
    world.answers({ok});
    REQUIRE(world.exporter().add({.signal = telemetry::Signal::traces, .body = "body"}));
    CHECK(world.connections == 0);
    world.time.turn();
    CHECK(world.connections == 1);
    world.await_reports(1);
    CHECK(world.reports == Texts{"delivered"});
  }

  TEST_CASE("posts that are displaced are reported") {
    World world;
    world.add("first");
    for (int i = 0; i < 3; ++i) world.add(std::string(size_t{1} << 19U, 'x'));
    CHECK(std::ranges::count(world.reports, "displaced (2)") == 1);
  }

  TEST_CASE("what an earlier process left is sent first, and what the collector did not take stays") {
    World world;
    const UniqueFd file = memory_file();
    {
      Spool earlier = open_spool(file, size_t{1} << 20U);
      REQUIRE(earlier.add({.signal = telemetry::Signal::metrics, .body = "earlier"}));
    }
    world.file = duplicate(file);
    world.answers({ok, answer(503)});
    CHECK_FALSE(world.exporter().is_done());
    world.await_reports(1);
    world.add("second");
    world.await_reports(2);
    CHECK(world.requests().at(0).starts_with("POST /otlp/v1/metrics "));
    CHECK(world.requests().at(0).ends_with("\r\n\r\nearlier"));
    Spool next = open_spool(file, size_t{1} << 20U);
    CHECK(next.posts() == 1);
    CHECK(next.front()->post.body == "second");
  }

  TEST_CASE("a post that newer ones displace while it is sent costs none of them") {
    World world;
    std::promise<void> displaced;
    world.scripts.push_back([&](TlsPeer::Connection& connection) {
      world.note(connection.read_request());
      displaced.get_future().wait();
      connection.write(ok);
      world.note(connection.read_request());
      connection.write(ok);
    });
    world.add("first");
    for (int i = 0; i < 2; ++i) world.add(std::string(size_t{1} << 19U, static_cast<char>('a' + i)));
    displaced.set_value();
    world.await_reports(3);
    CHECK(world.reports == Texts{"displaced (2)", "delivered", "delivered"});
    CHECK(world.requests().at(1).ends_with("bbb"));
    CHECK(world.exporter().is_done());
  }

  TEST_CASE("a collector that cannot be reached is tried again, after longer and longer pauses") {
    World world;
    world.add("body");
    for (const auto pause : {500ms, 1000ms, 2000ms}) {
      CHECK(world.reports.back() == "delayed: no address of collector.example answers");
      CHECK(world.time.loop->deadline() == world.time.now + pause);
      world.time.turn_after(pause);
    }
    CHECK(world.connections == 4);
    world.answers({ok});
    world.time.now += 4s;
    world.await_reports(5);
    CHECK(world.reports.back() == "delivered");
  }

  TEST_CASE("a connection that the collector closes between two requests costs no pause") {
    World world;
    world.answers({ok});
    world.answers({ok});
    CHECK(world.report_of("one") == "delivered");
    world.peers.clear();  // its end is closed by now
    world.add("two");
    world.await_reports(2);
    CHECK(world.reports == Texts{"delivered", "delivered"});
    CHECK(world.connections == 2);
  }

  TEST_CASE("a collector that closes in the middle of its answer is tried again after a pause") {
    World world;
    world.answers({"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"});
    CHECK(world.report_of("body").starts_with("delayed: the collector"));
    World nothing;
    nothing.answers({""});
    CHECK(nothing.report_of("body").starts_with("delayed: "));
  }

  TEST_CASE("an answer that is not HTTP is no delivery, and ends the connection") {
    World world;
    world.answers({"SSH-2.0-x\r\n\r\n"});
    CHECK(world.report_of("body").starts_with("delayed: the collector's answer: "));
  }

  TEST_CASE("octets after an answer answer nothing, and end the connection") {
    World world;
    world.answers({ok + ok});
    world.answers({answer(503)});
    world.add("one");
    world.add("two");
    world.await_reports(2);
    CHECK(world.reports == Texts{"delivered", "delayed: the collector answers 503"});
    CHECK(world.connections == 2);
  }

  TEST_CASE("a try has a limit of time") {
    World world;
    world.scripts.push_back([](TlsPeer::Connection& connection) {
      (void)connection.read_request();
      (void)connection.read_request();
    });
    world.add("body");
    world.time.now += relay::limits::time_of_a_try - 1ms;
    world.time.turn();
    CHECK(world.reports.empty());
    world.time.now += 1ms;
    world.await_reports(1);
    CHECK(world.reports == Texts{"delayed: the collector did not answer in time"});
  }

  TEST_CASE("a try over a kept connection that is not answered in time is not repeated without a pause") {
    World world;
    world.scripts.push_back([&](TlsPeer::Connection& connection) {
      world.note(connection.read_request());
      connection.write(ok);
      world.note(connection.read_request());
      (void)connection.read_request();
    });
    CHECK(world.report_of("one") == "delivered");
    world.add("two");
    world.time.now += relay::limits::time_of_a_try;
    world.await_reports(2);
    CHECK(world.reports.at(1) == "delayed: the collector did not answer in time");
    CHECK(world.connections == 1);
    CHECK(world.time.loop->deadline() == world.time.now + 500ms);
  }

  TEST_CASE("posts are sent over gRPC, also over a new connection if the collector left between two") {
    World world;
    world.protocol = telemetry::Protocol::grpc;
    const auto take = [](Http2Server& server, const Http2Server::Call& call) {
      server.answer(call.stream, grpc_header, framed(""), {{"grpc-status", "0"}});
    };
    world.answers_calls(2, take);
    world.answers_calls(1, take);
    for (const char* body : {"one", "two"}) world.add(body);
    world.await_reports(2);
    world.peers.clear();  // its end is closed by now
    world.add("three");
    world.await_reports(3);
    CHECK(world.reports == Texts{"delivered", "delivered", "delivered"});
    CHECK(world.connections == 2);
    world.peers.clear();
    CHECK(world.requests() == Texts{"h2", "one", "two", "h2", "three"});
  }

  TEST_CASE("over gRPC a post that is delayed is sent again, and one that is refused is not") {
    World world;
    world.protocol = telemetry::Protocol::grpc;
    size_t calls = 0;
    world.answers_calls(3, [&calls](Http2Server& server, const Http2Server::Call& call) {
      constexpr std::array statuses{"14", "16", "0"};
      server.answer(call.stream, grpc_header, "", {{"grpc-status", statuses.at(calls++)}});
    });
    world.add("one");
    world.await_reports(1);
    CHECK(world.reports.at(0) == "delayed: the collector answers UNAVAILABLE");
    CHECK(world.time.loop->deadline() == world.time.now + 500ms);
    world.add("two");
    world.time.now += 500ms;
    world.await_reports(3);
    CHECK(world.reports.at(1) == "refused: the collector answers UNAUTHENTICATED");
    CHECK(world.reports.at(2) == "delivered");
    CHECK(world.connections == 1);
    world.peers.clear();
    CHECK(world.requests() == Texts{"h2", "one", "one", "two"});
  }

  TEST_CASE("a collector that answers HTTP/1.1 where gRPC is expected is tried again later") {
    World world;
    world.protocol = telemetry::Protocol::grpc;
    world.scripts.push_back([](TlsPeer::Connection& connection) {
      (void)connection.read();
      connection.write(answer(400));
      (void)connection.read();
    });
    CHECK(world.report_of("body").starts_with("delayed: the collector's answer: "));
    CHECK(world.connections == 1);
  }

  TEST_CASE("what the collector repeats of the credentials is in no report") {
    World world;
    using otlp::testing::field;
    world.answers({answer(200, "", field(1, field(2, "bad Basic c2VjcmV0, and c2VjcmV0 again")))});
    CHECK(world.report_of("body") == "delivered: bad (secret), and (secret) again");
  }

  TEST_CASE("a part of the credentials is in no report") {
    CHECK(without_credentials("a c2VjcmV0 b", "A: Basic c2VjcmV0\r\n") == "a (secret) b");
    CHECK(without_credentials("Basic auth is wanted", "A: Basic c2VjcmV0\r\n") == "Basic auth is wanted");
    const std::string lines = "A: Bearer 0123456789abcdef\r\nB: other-secret\r\n";
    for (const char* text : {"cut 0123456789abc", R"(escaped 01234567\u0038 9abcdef)", "it is her-secret"})
      CHECK(without_credentials(text, lines) == "(a text with a part of the secret)");
  }

  TEST_CASE("the credentials are in no report") {
    World world;
    world.answers({answer(401), "c2VjcmV0\r\n\r\n"});
    world.add("one");
    world.add("two");
    world.await_reports(2);
    for (const std::string& report : world.reports) CHECK_FALSE(report.contains("c2VjcmV0"));
  }
}
