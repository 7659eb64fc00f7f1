// Connections to the server that serve one request after another.
#include "request_world.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace ostiary::relay::testing;
using namespace std::chrono_literals;

TEST_SUITE("relay/server_connections") {
  TEST_CASE("requests of different clients, one after another, use one connection") {
    World world;
    world.answers({ok, ok, ok});
    for (int i = 0; i < 3; ++i) {
      LoopbackClient client = world.client();
      CHECK(world.answer(client, post("{}"), "ok") == ok);
    }
    CHECK(world.connections == 1);
  }

  TEST_CASE("a connection that served waits for a limited time") {
    World world;
    world.answers({ok, ok, ok});
    world.answers({ok});
    LoopbackClient client = world.client();
    CHECK(world.answer(client, post("{}"), "ok") == ok);
    world.time.turn_after(request_limits::server_idle - 1ms);
    CHECK(world.answer(client, post("{}"), "ok") == ok);
    CHECK(world.connections == 1);
    world.time.turn_after(request_limits::server_idle);
    CHECK(world.answer(client, post("{}"), "ok") == ok);
    CHECK(world.connections == 2);
  }

  TEST_CASE("a connection that the server closes while it waits is not used, whatever the request") {
    World world;
    world.answers({ok});
    world.answers({ok});
    LoopbackClient client = world.client();
    CHECK(world.answer(client, post("{}"), "ok") == ok);
    world.peers.clear();  // its end is closed by now
    CHECK(world.answer(client, post("{}"), "ok") == ok);
    CHECK(world.connections == 2);
    CHECK(world.reports.empty());
  }

  TEST_CASE("a connection is not used again after octets that answer nothing, or if the server closes") {
    for (const std::string& last :
         {ok + ok, std::string("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")}) {
      Gate gate;
      World world;
      world.scripts.push_back([&](TlsPeer::Connection& connection) {
        (void)connection.read_request();
        connection.write(last);
        gate.pass();
      });
      world.answers({"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"});
      LoopbackClient client = world.client();
      CHECK(world.answer(client, post("{}"), "ok") == ok);
      CHECK(world.answer(client, post("{}"), "other").ends_with("other"));
      CHECK(world.connections == 2);
      gate.open();
    }
  }

  TEST_CASE("a request that a closing connection may have lost is sent again only if that is safe") {
    World world;
    // Answers one request, reads the head of the next, and leaves.
    world.scripts.push_back([&](TlsPeer::Connection& connection) {
      Reader reader(connection);
      (void)reader.until("\r\n\r\n{}");
      connection.write(ok);
      world.note(reader.until("\r\n\r\n"));
    });
    LoopbackClient client = world.client();
    CHECK(world.answer(client, post("{}"), "ok") == ok);
    SUBCASE("GET is sent again") {
      world.scripts.push_back([&](TlsPeer::Connection& connection) {
        Reader reader(connection);
        world.note(reader.until("\r\n\r\n"));
        connection.write(ok);
      });
      CHECK(world.answer(client, get("/files/a"), "ok") == ok);
      CHECK(world.connections == 2);
      REQUIRE(world.notes().size() == 2);
      CHECK(world.notes().at(0) == world.notes().at(1));
    }
    SUBCASE("a request whose body was not sent is sent again") {
      world.answers({ok});
      const std::string request = post("body", "Expect: 100-continue\r\n");
      CHECK(world.answer(client, request.substr(0, request.size() - 4), "\r\n\r\n") ==
            "HTTP/1.1 100 Continue\r\n\r\n");
      world.until([&] { return world.connections == 2; });
      CHECK(world.answer(client, "body", "ok") == ok);
      CHECK(world.notes().back().ends_with("\r\n\r\nbody"));
    }
    SUBCASE("a request whose body was sent is not") {
      world.answers({ok});
      const std::string answer = world.answer(client, post("body"), "}}\n");
      CHECK(answer.starts_with("HTTP/1.1 50"));
      CHECK(world.connections == 1);
      world.scripts.clear();
    }
    SUBCASE("POST without a body is not") {
      world.answers({ok});
      const std::string answer =
          world.answer(client, "POST /v1/messages HTTP/1.1\r\nHost: a\r\n\r\n", "}}\n");
      CHECK(answer.starts_with("HTTP/1.1 50"));
      CHECK(world.connections == 1);
      world.scripts.clear();
    }
  }

  TEST_CASE("at most 16 connections wait") {
    Gate gate;
    World world;
    std::vector<LoopbackClient> clients;
    constexpr size_t number = request_limits::idle_connections + 2;
    for (size_t i = 0; i < number; ++i) {
      world.scripts.push_back([&](TlsPeer::Connection& connection) {
        (void)connection.read_request();
        gate.pass();
        connection.write(ok);
        if (connection.read().empty()) world.note("closed");
      });
      clients.push_back(world.client());
      clients.back().send(post("{}"));
    }
    world.until([&] { return world.connections == number; });
    for (size_t i = 0; i < number; ++i) gate.open();
    for (LoopbackClient& client : clients) world.until([&] { return client.received() == ok; });
    world.until([&] { return world.notes().size() == 2; });
    world.serve();
    CHECK(world.notes().size() == 2);
  }

  TEST_CASE("clients that leave while the server is being connected have one connection opened") {
    World world;
    world.holds_connects = true;
    for (int i = 0; i < 20; ++i) {
      LoopbackClient client = world.client();
      client.send(post("{}"));
      world.serve();
    }
    world.serve();
    CHECK(world.connections == 1);
    LoopbackClient last = world.client();
    last.send(post("{}"));
    world.serve();
    CHECK(world.connections == 1);
    world.answers({ok});
    world.holds_connects = false;
    world.connect(world.held.at(0));
    world.until([&] { return last.received() == ok; });
  }

  TEST_CASE("a server that may not have read a body gets no further request over that connection") {
    constexpr std::string_view refused = "HTTP/1.1 415 X\r\nContent-Length: 0\r\n\r\n";
    struct Row {
      AfterBody after_body;
      std::string request;
      std::string_view answer;
      size_t connections;  // for this request and another
    };
    const std::string put = "PUT /files/a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";
    const std::string another = get("/api/hello", "Content-Length: 0\r\n");
    for (const Row& row :
         {Row{AfterBody::kept_on_success, post("{}"), ok, 1},
          Row{AfterBody::kept_on_success, post("{}"), refused, 2}, Row{AfterBody::closed, post("{}"), ok, 2},
          Row{AfterBody::closed, put, ok, 2}, Row{AfterBody::closed, another, ok, 1},
          Row{AfterBody::closed, another, refused, 1}}) {
      CAPTURE(row.request);
      CAPTURE(row.answer);
      Forwarding to = forwarding();
      to.after_body = row.after_body;
      World world(std::move(to));
      world.answers({std::string(row.answer), ok});
      world.answers({ok});
      LoopbackClient client = world.client();
      CHECK(world.answer(client, row.request, "\r\n\r\n").starts_with(row.answer.substr(0, 12)));
      CHECK(world.answer(client, another, "ok").ends_with("ok"));
      CHECK(world.connections == row.connections);
    }
  }
}
