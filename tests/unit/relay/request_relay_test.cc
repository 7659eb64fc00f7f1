#include "relay/request_relay.h"

#include <algorithm>

#include "request_world.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace ostiary::relay::testing;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

namespace {

const std::string chunked_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

// An answer of the relay itself, which ends its connection.
std::string own_answer(int status, std::string_view type, std::string_view reason,
                       std::string_view fields = "") {
  const std::string body = R"({"type":"error","error":{"type":")" + std::string(type) +
                           R"(","message":"ostiary: )" + std::string(reason) + "\"}}\n";
  return "HTTP/1.1 " + std::to_string(status) + " Refused\r\n" + std::string(fields) +
         "Connection: close\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST_SUITE("relay/request_relay") {
  TEST_CASE("a request reaches the server with the operator's credential, and with none of the client's") {
    World world;
    world.answers({ok});
    LoopbackClient client = world.client();
    const std::string answer = world.answer(
        client,
        post("{}",
             "Authorization: Bearer forged\r\nx-api-key: forged\r\nX_Api_Key: forged\r\nX-Api_Key: forged\r\n"
             "Cookie: a=forged\r\nProxy-Authorization: forged\r\nConnection: keep-alive, authorized\r\n"
             "anthropic-version: 2023-06-01\r\nanthropic-beta: a,b\r\nContent-Type: application/json\r\n"
             "X-Forwarded-For: 1.2.3.4\r\nUser-Agent: claude-cli/2\r\nnpm-command: ci\r\n",
             "/v1/messages?beta=true"),
        "ok");
    CHECK(answer == ok);
    CHECK(world.notes() == Texts{"POST /v1/messages?beta=true HTTP/1.1\r\nHost: api.example\r\n"
                                 "anthropic-version: 2023-06-01\r\nanthropic-beta: a,b\r\n"
                                 "Content-Type: application/json\r\nUser-Agent: claude-cli/2\r\n"
                                 "npm-command: ci\r\nContent-Length: 2\r\nX-Api-Key: c2VjcmV0\r\n\r\n{}"});
    CHECK(world.reports.empty());
  }

  TEST_CASE("a Connection that names the operator's field is refused") {
    World world;
    const std::string refused = world.refusal(post("{}", "Connection: Authorization\r\n"));
    CHECK(refused == own_answer(400, "invalid_request_error",
                                "the Connection names a header field that must reach the server"));
    CHECK(world.connections == 0);
  }

  TEST_CASE("an answer of the relay itself is text, if the server's own errors are not Anthropic's") {
    Forwarding to = forwarding();
    to.errors = ErrorForm::text;
    World world(std::move(to));
    const std::string text = "ostiary: the operator does not allow this path\n";
    const std::string head =
        "HTTP/1.1 404 Refused\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Length: " +
        std::to_string(text.size()) + "\r\n\r\n";
    CHECK(world.refusal(get("/other")) == head + text);
    CHECK(world.refusal("HEAD /other HTTP/1.1\r\nHost: localhost\r\n\r\n") == head);
  }

  TEST_CASE("the base path precedes the client's path") {
    Forwarding to = forwarding();
    to.base_path = "/team/x";
    World world(std::move(to));
    world.answers({ok});
    LoopbackClient client = world.client();
    CHECK(world.answer(client, post("{}"), "ok") == ok);
    CHECK(world.notes().at(0).starts_with("POST /team/x/v1/messages HTTP/1.1\r\n"));
  }

  TEST_CASE("an answer passes with its fields, except those of the connection and of the server's origin") {
    World world;
    world.answers(
        {"HTTP/1.1 429 Slow Down\r\nrequest-id: req_1\r\nretry-after: 7\r\nx-should-retry: true\r\n"
         "anthropic-ratelimit-tokens-limit: 1\r\nSet-Cookie: a=b\r\nAlt-Svc: h3\r\n"
         "Strict-Transport-Security: max-age=1\r\nKeep-Alive: timeout=5\r\nConnection: x-hop\r\nX-Hop: 1\r\n"
         "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nzip"});
    LoopbackClient client = world.client();
    CHECK(world.answer(client, post("{}"), "zip") ==
          "HTTP/1.1 429 Slow Down\r\nrequest-id: req_1\r\nretry-after: 7\r\nx-should-retry: true\r\n"
          "anthropic-ratelimit-tokens-limit: 1\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nzip");
    CHECK_FALSE(client.has_ended());
  }

  TEST_CASE("each chunk of an answer goes on at once") {
    Gate gate;
    World world;
    world.scripts.push_back([&](TlsPeer::Connection& connection) {
      (void)connection.read_request();
      connection.write(chunked_head + "6\r\nevent1\r\n");
      gate.pass();
      connection.write("6\r\nevent2\r\n");
      gate.pass();
      connection.write("0\r\nX-Trailer: dropped\r\n\r\n");
      (void)connection.read();
    });
    LoopbackClient client = world.client();
    CHECK(world.answer(client, post("{}"), "event1\r\n") == chunked_head + "6\r\nevent1\r\n");
    gate.open();
    CHECK(world.answer(client, "", "event2\r\n") == "6\r\nevent2\r\n");
    gate.open();
    CHECK(world.answer(client, "", "\r\n\r\n") == "0\r\n\r\n");
    CHECK_FALSE(client.has_ended());
  }

  TEST_CASE("each piece of a request goes on at once, in the client's framing") {
    World world;
    world.scripts.push_back([&](TlsPeer::Connection& connection) {
      Reader reader(connection);
      world.note(reader.until("\r\n\r\n"));
      world.note(reader.until("one\r\n"));
      world.note(reader.until("two\r\n"));
      world.note(reader.until("0\r\n\r\n"));
      connection.write(ok);
    });
    LoopbackClient client = world.client();
    const std::string head = "POST /v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.send(head);
    world.until([&] { return world.notes().size() == 1; });
    CHECK(world.notes().at(0) ==
          "POST /v1/messages HTTP/1.1\r\nHost: api.example\r\nTransfer-Encoding: chunked\r\n"
          "X-Api-Key: c2VjcmV0\r\n\r\n");
    client.send("3;extension\r\none\r\n");
    world.until([&] { return world.notes().size() == 2; });
    client.send("3\r\ntwo\r\n");
    world.until([&] { return world.notes().size() == 3; });
    client.send("0\r\nTrailer: dropped\r\n\r\n");
    world.until([&] { return client.received().ends_with("ok"); });
    CHECK(world.notes() == Texts{world.notes().at(0), "3\r\none\r\n", "3\r\ntwo\r\n", "0\r\n\r\n"});
  }

  TEST_CASE("a client that waits for 100 gets it before the body, and the server is not asked to wait") {
    World world;
    world.answers({ok});
    LoopbackClient client = world.client();
    const std::string whole = post("body", "Expect: 100-continue\r\n");
    CHECK(world.answer(client, whole.substr(0, whole.size() - 4), "\r\n\r\n") ==
          "HTTP/1.1 100 Continue\r\n\r\n");
    CHECK(world.answer(client, "body", "ok") == ok);
    CHECK_FALSE(world.notes().at(0).contains("Expect"));
  }

  TEST_CASE("answers without a body: to HEAD, 204 and 304") {
    World world;
    world.scripts.push_back([&](TlsPeer::Connection& connection) {
      Reader reader(connection);
      for (const char* next : {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 204 None\r\n\r\n",
                               "HTTP/1.1 304 Same\r\nETag: x\r\nContent-Length: 5\r\n\r\n", ok.c_str()}) {
        world.note(reader.until("\r\n\r\n"));
        connection.write(next);
      }
    });
    LoopbackClient client = world.client();
    CHECK(world.answer(client, "HEAD /api/hello HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\n") ==
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    CHECK(world.answer(client, get("/api/hello"), "\r\n\r\n") == "HTTP/1.1 204 None\r\n\r\n");
    CHECK(world.answer(client, get("/api/hello"), "\r\n\r\n") == "HTTP/1.1 304 Same\r\nETag: x\r\n\r\n");
    CHECK(world.answer(client, get("/api/hello"), "ok") == ok);
    CHECK(world.connections == 1);
    CHECK(world.notes().at(0) ==
          "HEAD /api/hello HTTP/1.1\r\nHost: api.example\r\nX-Api-Key: c2VjcmV0\r\n\r\n");
  }

  TEST_CASE("an answer that ends with its connection reaches the client in chunks") {
    World world;
    world.answers({"HTTP/1.1 200 OK\r\n\r\nall of it"});
    LoopbackClient client = world.client();
    CHECK(world.answer(client, post("{}"), "0\r\n\r\n") == chunked_head + "9\r\nall of it\r\n0\r\n\r\n");
    CHECK_FALSE(client.has_ended());
  }

  TEST_CASE("interim answers are dropped, and a switch of the protocol is no answer") {
    World world;
    world.answers({"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + ok});
    LoopbackClient client = world.client();
    CHECK(world.answer(client, post("{}", "Upgrade: websocket\r\nConnection: upgrade\r\n"), "ok") == ok);
    CHECK_FALSE(world.notes().at(0).contains("pgrade"));
    world.peers.clear();
    world.answers({"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n"});
    CHECK(status_of(world.refusal(post("{}"))) == "502");
  }

  TEST_CASE("a redirect passes as a path of the same server, and no other passes") {
    Forwarding to = forwarding();
    to.base_path = "/x";
    World world(std::move(to));
    const auto redirect = [](std::string_view location) {
      return "HTTP/1.1 307 There\r\nLocation: " + std::string(location) + "\r\nContent-Length: 0\r\n\r\n";
    };
    for (const char* own : {"/x/v2/a?b=c", "https://api.example/x/v2/a?b=c"}) {
      world.answers({redirect(own)});
      LoopbackClient client = world.client();
      CHECK(world.answer(client, post("{}", "Connection: close\r\n"), "Connection: close\r\n\r\n") ==
            "HTTP/1.1 307 There\r\nLocation: /v2/a?b=c\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      world.peers.clear();
    }
    for (const char* other :
         {"https://other.example/x/a", "//other.example/x/a", "http://api.example/x/a",
          "https://api.example.evil/x/a", "https://api.example:8443/x/a", "https://api.example@evil/x/a",
          "/other/a", "/x", "/xa", "/x/../a", "a", "", "javascript:x", "/x//evil", "/x/\\evil"}) {
      world.answers({redirect(other)});
      CHECK_MESSAGE(status_of(world.refusal(post("{}"))) == "502", other);
      world.peers.clear();
    }
    world.answers({"HTTP/1.1 201 Made\r\nLocation: https://other.example/\r\nContent-Length: 0\r\n\r\n"});
    LoopbackClient client = world.client();
    CHECK(world.answer(client, post("{}"), "\r\n\r\n") == "HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n");
  }

  TEST_CASE("what is not allowed is refused with the reason, and the server is not connected") {
    World world;
    const std::string path = "the operator does not allow this path";
    const std::string form = "the path or its query has a form that is not forwarded";
    CHECK(world.refusal(post("", "", "/v1/complete")) == own_answer(404, "not_found_error", path));
    CHECK(world.refusal(get("/v1/messages")) ==
          own_answer(403, "permission_error", "the operator does not allow this method for this path"));
    for (const char* target : {"/v1/messages/x", "/v1/messagesx", "/v1", "/", "/filesx", "/api/hello/x"})
      CHECK_MESSAGE(world.refusal(get(target)) == own_answer(404, "not_found_error", path), target);
    for (const char* target :
         {"/files/../admin", "/files//x", "/files/./x", "/files/%2e%2e/x", "/files/a%2f%2fb", "/files//",
          "/files?a/../../b", "/files?%2f..%2fadmin", "//files", "/files;a"})
      CHECK_MESSAGE(world.refusal(get(target)) == own_answer(404, "not_found_error", form), target);
    CHECK(world.connections == 0);
    const std::string to_head = world.refusal("HEAD /v1/messages HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(to_head.starts_with("HTTP/1.1 403 "));
    CHECK(to_head.ends_with("\r\n\r\n"));
    CHECK(world.reports.at(0) == "POST /v1/complete: 404 " + path);
    CHECK(world.reports.size() == 19);
  }

  TEST_CASE("a message that two servers could read in two ways is refused, and the server is not connected") {
    World world;
    const std::string start = "POST /v1/messages HTTP/1.1\r\nHost: a\r\n";
    const std::string behind = post("behind");
    for (const auto& [octets, status] : std::vector<std::pair<std::string, std::string>>{
             {start + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
             {start + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", "400"},
             {start + "Content-Length: 1, 1\r\n\r\nx", "400"},
             {start + "Content-Length: +1\r\n\r\nx", "400"},
             {start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "501"},
             {start + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"},
             {start + "Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
             {start + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400"},
             {start + "X: a\r\n folded\r\nContent-Length: 0\r\n\r\n", "400"},
             {start + "Host: b\r\nContent-Length: 0\r\n\r\n", "400"},
             {start + "X: a\nContent-Length: 0\r\n\r\n", "400"},
             {"POST /v1/messages HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "400"},
             {"POST http://other/v1/messages HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
             {"POST https://api.example/v1/messages HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
             {"CONNECT api.example:443 HTTP/1.1\r\nHost: a\r\n\r\n", "501"},
             {"POST /v1/messages HTTP/1.0\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", "505"},
             {"POST /v1/messages HTTP/2.0\r\nHost: a\r\n\r\n", "505"},
             {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
             {start + "Expect: 200-ok\r\nContent-Length: 1\r\n\r\nx", "417"},
             {start + "Content-Length: 1073741825\r\n\r\n", "413"},
             {"nonsense\r\n\r\n", "400"}}) {
      CAPTURE(octets);
      const std::string answer = world.refusal(octets + behind);
      CHECK(status_of(answer) == status);
      CHECK(std::ranges::count(answer, '{') == 2);  // one answer
    }
    CHECK(world.connections == 0);
  }

  TEST_CASE("a chunk that does not end at its size cuts the server's connection, and nothing follows") {
    World world;
    world.scripts.push_back([&](TlsPeer::Connection& connection) {
      Reader reader(connection);
      world.note(reader.until("\r\na\r\n"));
      world.note(reader.until("0\r\n\r\n"));
    });
    LoopbackClient client = world.client();
    client.send("POST /v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    world.until([&] { return world.notes().size() == 1; });
    client.send("1\r\nbc\r\n0\r\n\r\n" + post("behind"));
    world.until([&] { return client.has_ended() && world.notes().size() == 2; });
    CHECK(status_of(client.received()) == "400");
    CHECK(world.notes().at(0).ends_with("\r\n\r\n1\r\na\r\n"));
    CHECK(world.notes().at(1).empty());
  }

  TEST_CASE("requests that follow one another at once are answered in their order") {
    World world;
    world.answers({"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1",
                   "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2", ok});
    LoopbackClient client = world.client();
    const std::string answers = world.answer(client, post("a") + post("bb") + post("ccc"), "ok");
    CHECK(answers ==
          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2" + ok);
    REQUIRE(world.notes().size() == 3);
    CHECK(world.notes().at(2).ends_with("\r\n\r\nccc"));
    CHECK(world.connections == 1);
  }

  TEST_CASE("a client's last request is answered, and its connection ends") {
    World world;
    world.answers({ok});
    LoopbackClient client = world.client();
    client.send(post("{}", "Connection: close\r\n") + post("behind"));
    world.until([&] { return client.has_ended(); });
    CHECK(client.received() == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    CHECK(world.notes().size() == 1);
  }

  TEST_CASE("an answer that comes before the end of its request is the last of its connection") {
    World world;
    world.scripts.push_back([&](TlsPeer::Connection& connection) {
      Reader reader(connection);
      (void)reader.until("\r\n\r\n");
      connection.write("HTTP/1.1 413 Large\r\nContent-Length: 3\r\n\r\nbig");
    });
    LoopbackClient client = world.client();
    client.send("POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nstart");
    world.until([&] { return client.has_ended(); });
    CHECK(client.received() == "HTTP/1.1 413 Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
  }

  TEST_CASE("when the client leaves, the server's connection is closed at once") {
    Gate gate;
    World world;
    std::optional<LoopbackClient> client;
    SUBCASE("before the answer") {
      world.scripts.push_back([&](TlsPeer::Connection& connection) {
        world.note(connection.read_request());
        world.note("then '" + connection.read() + "'");
      });
      client.emplace(world.client());
      client->send(post("{}"));
      world.until([&] { return world.notes().size() == 1; });
    }
    SUBCASE("within the answer") {
      world.scripts.push_back([&](TlsPeer::Connection& connection) {
        world.note(connection.read_request());
        connection.write(chunked_head + "5\r\nevent\r\n");
        world.note("then '" + connection.read() + "'");
      });
      client.emplace(world.client());
      client->send(post("{}"));
      world.until([&] { return client->received().contains("event"); });
    }
    SUBCASE("within the request") {
      world.scripts.push_back([&](TlsPeer::Connection& connection) {
        Reader reader(connection);
        world.note(reader.until("start"));
        world.note("then '" + connection.read() + "'");
      });
      client.emplace(world.client());
      client->send("POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nstart");
      world.until([&] { return world.notes().size() == 1; });
    }
    SUBCASE("while the next request waits behind") {
      world.scripts.push_back([&](TlsPeer::Connection& connection) {
        world.note(connection.read_request());
        world.note("then '" + connection.read() + "'");
      });
      client.emplace(world.client());
      client->send(post("{}") + post("next"));
      world.until([&] { return world.notes().size() == 1; });
    }
    client.reset();
    world.until([&] { return world.notes().size() == 2; });
    CHECK(world.notes().at(1) == "then ''");
  }

  TEST_CASE(
      "when the server leaves within its answer, the client's connection ends without the answer's end") {
    for (const std::string& begin : {chunked_head + "5\r\nevent\r\n",
                                     std::string("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nevent")}) {
      World world;
      world.answers({begin});
      LoopbackClient client = world.client();
      client.send(post("{}"));
      world.until([&] { return client.has_ended(); });
      CHECK(client.received() == begin);
      REQUIRE(world.reports.size() == 1);
      CHECK(world.reports.at(0) ==
            "POST /v1/messages: 502 the server closed the connection before the end of its answer");
    }
  }

  TEST_CASE("an answer that is not HTTP is 502, or ends the client's connection within the body") {
    World world;
    world.answers({"SSH-2.0-x\r\n\r\n"});
    CHECK(world.refusal(post("{}")) ==
          own_answer(502, "api_error", "the server's answer: the first line is not HTTP/1.1 STATUS REASON"));
    world.peers.clear();
    world.answers({chunked_head + "1\r\nab\r\n0\r\n\r\n"});
    LoopbackClient client = world.client();
    client.send(post("{}"));
    world.until([&] { return client.has_ended(); });
    CHECK_FALSE(client.received().contains("0\r\n\r\n"));
  }

  TEST_CASE("a server that cannot be reached is 503, to be tried again") {
    World world;
    CHECK(world.refusal(post("{}")) ==
          own_answer(503, "api_error", "no address of api.example answers", "Retry-After: 1\r\n"));
    world.server = make_identity("DNS:other.example", &world.authority);
    world.answers({ok});
    CHECK(world.refusal(post("{}")) == own_answer(503, "api_error",
                                                  "the server's certificate is refused: hostname mismatch",
                                                  "Retry-After: 1\r\n"));
    CHECK(world.notes().empty());
    for (const std::string& report : world.reports) CHECK_FALSE(report.contains("c2VjcmV0"));
  }

  TEST_CASE("a body of a method that has none is refused, because a server may take it for a request") {
    for (const std::string method : {"GET", "HEAD"})
      for (const std::string framing :
           {"Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}) {
        World world;
        CHECK(world.refusal(method + " /api/hello HTTP/1.1\r\nHost: a\r\n" + framing)
                  .starts_with("HTTP/1.1 400 "));
        CHECK(world.connections == 0);
      }
    World world;
    world.answers({ok});
    LoopbackClient client = world.client();
    CHECK(world.answer(client, get("/api/hello", "Content-Length: 0\r\n"), "ok").ends_with("ok"));
  }
}
