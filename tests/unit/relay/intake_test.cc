#include "relay/intake.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../event/loopback.h"
#include "../event/made_up_time.h"
#include "relay/limits.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace std::chrono_literals;
using event::testing::LoopbackClient;
using event::testing::LoopbackListener;
using event::testing::MadeUpTime;

namespace {

const std::string accepted =
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";

std::string request(std::string_view body, std::string_view more_fields = "",
                    std::string_view path = "/v1/traces") {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n" +
         "Content-Length: " + std::to_string(body.size()) + "\r\n" + std::string(more_fields) + "\r\n" +
         std::string(body);
}

struct Server {
  Server() : intake(*time.loop, listener.take(), [this](Post post) { return take(std::move(post)); }) {
    REQUIRE(intake.start());
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  LoopbackClient connect() {
    LoopbackClient client(listener.address());
    time.turn();
    return client;
  }
  // Handles everything that has arrived. The kernel delivers over loopback at once.
  void serve() {
    for (int i = 0; i < 20; ++i) time.turn();
  }
  std::string answer_to(LoopbackClient& client, std::string_view octets) {
    const size_t before = client.received().size();
    client.send(octets);
    serve();
    return client.received().substr(before);
  }
  Taken take(Post post) {
    if (post.body == "malformed") return Taken::malformed;
    if (post.body == "large") return Taken::no_room;
    if (post.body == "forged") return Taken::reserved;
    if (post.body == "unwanted") return Taken::not_exported;
    posts.push_back(std::string(telemetry::text(post.signal)) + " " + post.body);
    return Taken::yes;
  }

  MadeUpTime time;
  LoopbackListener listener;
  std::vector<std::string> posts;
  Intake intake;
};

// The status of an answer that ends the connection.
std::string refused(LoopbackClient& client, const std::string& answer) {
  CHECK(client.has_ended());
  CHECK(answer.contains("\r\nConnection: close\r\n"));
  REQUIRE(answer.size() > 12);
  return answer.substr(9, 3);
}

}  // namespace

TEST_SUITE("relay/intake") {
  TEST_CASE("a request is answered at once, and the next may come over the same connection") {
    Server server;
    LoopbackClient client = server.connect();
    CHECK(server.answer_to(client, request("one")) == accepted);
    CHECK(server.answer_to(client, request("two", "", "/v1/logs")) == accepted);
    CHECK(server.answer_to(client, request("3", "", "/v1/metrics") + request("4")) == accepted + accepted);
    CHECK(server.posts == std::vector<std::string>{"traces one", "logs two", "metrics 3", "traces 4"});
    CHECK_FALSE(client.has_ended());
  }

  TEST_CASE("a request that arrives octet by octet is one request") {
    Server server;
    LoopbackClient client = server.connect();
    const std::string whole = request("body");
    for (const char& octet : whole) {
      CHECK(client.received().empty());
      client.send({&octet, 1});
      server.serve();
    }
    CHECK(client.received() == accepted);
    CHECK(server.posts == std::vector<std::string>{"traces body"});
  }

  TEST_CASE("a client that waits for 100 gets it before the body") {
    Server server;
    LoopbackClient client = server.connect();
    const std::string whole = request("body", "Expect: 100-continue\r\n");
    CHECK(server.answer_to(client, whole.substr(0, whole.size() - 4)) == "HTTP/1.1 100 Continue\r\n\r\n");
    CHECK(server.answer_to(client, "body") == accepted);
  }

  TEST_CASE("the last request of a client that closes is answered") {
    Server server;
    LoopbackClient client = server.connect();
    const std::string answer = server.answer_to(client, request("last", "Connection: close\r\n"));
    CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(client.has_ended());
    CHECK(server.posts.size() == 1);
  }

  TEST_CASE("a refused request ends its connection, and nothing behind it is read") {
    const std::string behind = request("behind");
    for (const auto& [octets, status] : std::vector<std::pair<std::string, std::string>>{
             {request("x", "", "/v1/profiles"), "404"},
             {"GET /v1/traces HTTP/1.1\r\nHost: a\r\n\r\n", "405"},
             {"POST /v1/traces HTTP/1.1\r\nHost: a\r\n\r\n", "411"},
             {request("x", "Content-Encoding: gzip\r\n"), "415"},
             {request("malformed"), "400"},
             {request("large"), "503"},
             {request("forged"), "400"},
             {request("unwanted"), "404"},
             {request("x", "Transfer-Encoding: chunked\r\n"), "400"},
             {request("x", "Content-Length: 2\r\n"), "400"},
             {"POST http://other/v1/traces HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
             {"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", "501"},
             {"nonsense\r\n\r\n", "400"}}) {
      CAPTURE(octets);
      Server server;
      LoopbackClient client = server.connect();
      CHECK(refused(client, server.answer_to(client, octets + behind)) == status);
      CHECK(server.posts.empty());
      LoopbackClient next = server.connect();
      CHECK(server.answer_to(next, request("next")) == accepted);
    }
  }

  TEST_CASE("a body above the limit is refused by its length, and by its chunks") {
    Server server;
    LoopbackClient client = server.connect();
    const std::string head =
        "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\n";
    CHECK(refused(client, server.answer_to(client, head + "Content-Length: " +
                                                       std::to_string(relay::limits::body_octets + 1) +
                                                       "\r\n\r\n")) == "413");
    LoopbackClient chunks = server.connect();
    CHECK(refused(chunks, server.answer_to(chunks, head + "Transfer-Encoding: chunked\r\n\r\n800001\r\n")) ==
          "413");
  }

  TEST_CASE("all bodies under way together have a limit, and what ends makes room") {
    Server server;
    const std::string piece(size_t{1} << 20U, 'x');
    const std::string start = request("", "", "/v1/logs");
    const std::string head =
        "POST /v1/logs HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\n"
        "Content-Length: " +
        std::to_string(relay::limits::body_octets) + "\r\n\r\n";
    std::vector<LoopbackClient> clients;
    // Each holds all of its body but the last octet.
    for (size_t i = 0; i < relay::limits::octets_in_progress / relay::limits::body_octets; ++i) {
      clients.push_back(server.connect());
      clients.back().send(head);
      for (size_t sent = 0; sent < relay::limits::body_octets / piece.size(); ++sent) {
        const bool is_last = (sent + 1) * piece.size() == relay::limits::body_octets;
        std::string_view rest = is_last ? std::string_view(piece).substr(1) : std::string_view(piece);
        while (!rest.empty()) {
          clients.back().send(rest.substr(0, 65536));
          rest.remove_prefix(std::min<size_t>(65536, rest.size()));
          server.serve();
        }
      }
      CHECK(clients.back().received().empty());
    }
    LoopbackClient late = server.connect();
    CHECK(refused(late, server.answer_to(late, request("0123456789"))) == "503");
    clients.pop_back();
    server.serve();
    LoopbackClient next = server.connect();
    CHECK(server.answer_to(next, request("0123456789")) == accepted);
  }

  TEST_CASE("a body that does not end does not keep its connection beyond the limit") {
    Server server;
    LoopbackClient client = server.connect();
    client.send(request("body").substr(0, 100));
    server.serve();
    server.time.now += relay::limits::idle - 1s;
    client.send("x");
    server.serve();
    CHECK_FALSE(client.has_ended());
    server.time.now += 1s;
    server.time.turn();
    CHECK(client.has_ended());
  }
}
